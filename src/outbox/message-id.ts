/**
 * `<store tag>-<sequence>`: the tag, eight random characters written at the first migration, makes ids
 * of different stores differ, so that receivers may dedupe by id alone; the sequence, thirteen characters
 * of base 32, makes them sort in insertion order as plain text. No index is needed to find a message by id.
 */
const DIGITS = '0123456789abcdefghijklmnopqrstuv'
const SHAPE = /^([0-9a-z]{8})-([0-7][0-9a-v]{12})$/

export const TAG_LENGTH = 8

export function formatMessageId(tag: string, sequence: bigint | string): string {
  const number = Number(sequence)
  const digits = number <= Number.MAX_SAFE_INTEGER ? number.toString(32) : BigInt(sequence).toString(32)
  return `${tag}-${digits.padStart(13, '0')}`
}

/** The sequence, or undefined when the text is not an id of the store with this tag. */
export function parseMessageId(tag: string, id: string): bigint | undefined {
  const match = SHAPE.exec(id)
  if (match === null || match[1] !== tag) return undefined
  const digits = match[2] ?? ''
  // Ten digits are 50 bits, which a number holds.
  if (digits.startsWith('000')) return BigInt(parseInt(digits, 32))
  let sequence = 0n
  for (const digit of digits) sequence = sequence * 32n + BigInt(DIGITS.indexOf(digit))
  return sequence
}
