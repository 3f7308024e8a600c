/** Dead letters by what went wrong: errors that differ only in numbers, ids and quoted texts are one. */
import { MAX_PAGE_LIMIT } from '../core/limits.js'
import { scopeId } from '../core/scope.js'
import { assertInteger } from '../core/validate.js'
import type { OutboxStore } from './contract.js'

export interface DeadLetterGroupsOptions {
  readonly lane?: string | undefined
  readonly target?: string | undefined
  readonly scope?: string | undefined
  /** At most this many groups, the largest. 1…1,000. Default 20. */
  readonly limit?: number | undefined
  /** At most this many dead letters are read, the oldest by id, with their payloads. 1…100,000. Default 10,000. */
  readonly scan?: number | undefined
}

export interface DeadLetterGroup {
  /** With `<n>`, `<id>` and `<text>` where numbers, ids and quoted texts were. */
  readonly error: string
  readonly count: number
  /** When the first of them died. */
  readonly first: number
  /** When the last of them died. */
  readonly last: number
  /** The id of the one that died last. */
  readonly example: string
}

export interface DeadLetterGroups {
  /** The largest first. */
  readonly groups: readonly DeadLetterGroup[]
  /** Groups beyond `limit`. */
  readonly omitted: number
  readonly scanned: number
  /** There are more dead letters than were read. */
  readonly isPartial: boolean
}

const PAGE = 100
const MAX_SCAN = 100_000
const MAX_ERROR = 300

/** @throws VALIDATION naming the option. */
export async function deadLetterGroups(
  store: OutboxStore, options: DeadLetterGroupsOptions,
): Promise<DeadLetterGroups> {
  const { lane, target } = options
  const scope = options.scope === undefined ? undefined : scopeId(options.scope)
  return groupsOf(async (limit, after) => {
    const page = await store.list({ status: 'dead_letter', lane, target, scope, limit, after: after?.id })
    return page.map(({ id, lastError = '', updatedAt }) => ({ id, error: lastError, diedAt: updatedAt }))
  }, options)
}

/** What a group is made of. */
export interface GroupedLetter {
  readonly id: string
  readonly error: string
  readonly diedAt: number
}

/**
 * Reads a page at a time: of those behind a letter, fewer than `limit` only at the end.
 * @throws VALIDATION naming the option.
 */
export async function groupsOf<Letter extends GroupedLetter>(
  list: (limit: number, after: Letter | undefined) => Promise<readonly Letter[]>,
  options: Pick<DeadLetterGroupsOptions, 'limit' | 'scan'>,
): Promise<DeadLetterGroups> {
  const limit = assertInteger('limit', options.limit ?? 20, 1, MAX_PAGE_LIMIT)
  const scan = assertInteger('scan', options.scan ?? 10_000, 1, MAX_SCAN)
  const groups = new Map<string, DeadLetterGroup>()
  let scanned = 0
  let after: Letter | undefined
  for (;;) {
    // One more than may be read says whether there is more.
    const wanted = Math.min(PAGE, scan - scanned + 1)
    const page = await list(wanted, after)
    for (const letter of page.slice(0, scan - scanned)) {
      const error = normalError(letter.error)
      groups.set(error, withOne(groups.get(error), error, letter.id, letter.diedAt))
    }
    const isPartial = scanned + page.length > scan
    scanned = Math.min(scan, scanned + page.length)
    if (isPartial || page.length < wanted) {
      const largest = [...groups.values()].sort((a, b) => b.count - a.count || b.last - a.last)
      return {
        groups: largest.slice(0, limit), omitted: Math.max(0, largest.length - limit), scanned, isPartial,
      }
    }
    after = page.at(-1)
  }
}

function withOne(group: DeadLetterGroup | undefined, error: string, id: string, diedAt: number): DeadLetterGroup {
  if (group === undefined) return { error, count: 1, first: diedAt, last: diedAt, example: id }
  const isLast = diedAt >= group.last
  return {
    error, count: group.count + 1, first: Math.min(group.first, diedAt), last: Math.max(group.last, diedAt),
    example: isLast ? id : group.example,
  }
}

/** A quote opens behind what is no letter and closes before it, so that `can't` opens none. */
const QUOTED = /(?<!\w)(["'`])[^"'`\n]{0,500}\1(?!\w)/g
const WORD = /[\w-]+/g

/** What errors of one kind have in common; the first 300 characters. */
export function normalError(error: string): string {
  const text = error.replace(QUOTED, '<text>').replace(WORD, placeholder).replace(/\s+/g, ' ').trim()
  return text.length <= MAX_ERROR ? text : `${text.slice(0, MAX_ERROR - 1)}…`.toWellFormed()
}

function placeholder(word: string): string {
  if (!/\d/.test(word)) return word
  if (/^\d+$/.test(word)) return '<n>'
  return word.length >= 8 ? '<id>' : word.replace(/\d+/g, '<n>')
}
