"""Large libraries are imported one after another, in the order in which the looks begin that need them.

All at once they would share one interpreter, and each would be there as late as the last: so would the first answers.
"""

import threading

IMPORTING = threading.Lock()
