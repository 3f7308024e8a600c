/** Keys in the order of their UTF-8 bytes, which is that of lists. */

/** A text with hardly any between itself and the key: a list that begins behind it soon has the key. */
export function keyBefore(key: string): string {
  const last = [...key].at(-1) ?? ''
  const before = (last.codePointAt(0) ?? 0) - 1
  const rest = key.slice(0, key.length - last.length)
  // NUL cannot be stored, and surrogates are not characters.
  if (before < 1) return rest
  return `${rest}${String.fromCodePoint(before === 0xdfff ? 0xd7ff : before)}\u{10ffff}`
}

export function isBehind(key: string, other: string): boolean {
  return Buffer.compare(Buffer.from(key), Buffer.from(other)) > 0
}
