/** A range of texts in the order of their bytes, for indexes that know ranges and no prefixes. */

/** The first text behind all that begin with this one; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (letter) => letter.codePointAt(0) ?? 0)
  while (points.length > 0) {
    const last = points.pop() ?? 0
    if (last === 0x10_ffff) continue
    // No text holds a lone surrogate.
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
  }
  return undefined
}
