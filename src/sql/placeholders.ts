/** Numbered placeholders, for clients that know only `?` or build queries of their own. */

export interface SplitText {
  /** What stands around the placeholders: one more than there are of those. */
  readonly parts: readonly string[]
  /** Which parameter each placeholder asks for, from 0. */
  readonly indexes: readonly number[]
}

const QUOTED_OR = { $: /"[^"]*"|'[^']*'|\$(\d+)/g, '?': /"[^"]*"|'[^']*'|\?(\d+)/g } as const

/** What is quoted holds no placeholder: a schema may be called anything. */
export function splitPlaceholders(text: string, sign: '$' | '?'): SplitText {
  const parts: string[] = []
  const indexes: number[] = []
  let end = 0
  for (const match of text.matchAll(QUOTED_OR[sign])) {
    if (match[1] === undefined) continue
    parts.push(text.slice(end, match.index))
    indexes.push(Number(match[1]) - 1)
    end = match.index + match[0].length
  }
  return { parts: [...parts, text.slice(end)], indexes }
}
