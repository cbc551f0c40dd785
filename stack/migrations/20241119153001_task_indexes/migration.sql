-- CreateIndex
CREATE INDEX "tasks_suite_id_status_idx" ON "tasks"("suite_id", "status");

-- CreateIndex
CREATE INDEX "tasks_assignee_id_idx" ON "tasks"("assignee_id");
