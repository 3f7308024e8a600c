/** What is only told must not change what happens. */
export function quietly(tell: () => unknown): void {
  try {
    const told = tell()
    if (told instanceof Promise) told.catch(() => undefined)
  } catch {
    // Nothing to be done.
  }
}
