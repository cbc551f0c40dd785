"""What pytest needs: options, context, scheduling, recording of outcomes, waiting, progress, publishing."""
