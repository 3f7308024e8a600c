/** What a suite tells the test runner beside passing and failing. */

/** node:test prints diagnostics; vitest reports a task's meta; others have no place for a note. */
interface NotingContext {
  readonly diagnostic?: (message: string) => void
  readonly task?: { readonly meta?: Record<string, unknown> }
}

/** `contract`: which suite this is. `note`: why a case ran in another form, or not at all. */
export function note(testContext: unknown, name: 'contract' | 'note', text: string): void {
  const { diagnostic, task } = (testContext ?? {}) as NotingContext
  if (task?.meta !== undefined) task.meta[name] = text
  else diagnostic?.call(testContext, text)
}
