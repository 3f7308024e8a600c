/**
 * All dead letters of a filter, redriven or discarded a page at a time, at a rate. `resolvePages` does it for any
 * source.
 *
 * Pages go up by id, which is the order of enqueueing, so those of one key are redriven in their order, and what dies
 * again meanwhile is not met twice. Somebody else may redrive or discard at the same time; then the answer is
 * `not_dead`. A call that was interrupted, or whose process died, is simply made again.
 */
import { monotonicMs, pause } from '../core/environment.js'
import { MAX_NAME_BYTES } from '../core/limits.js'
import { scopeId, type ScopeId } from '../core/scope.js'
import { assertInteger, assertName } from '../core/validate.js'
import type { OutboxStore, ResolveDeadRequest } from './contract.js'

export interface ResolveAllOptions {
  /** All of this lane, narrowed by the others. */
  readonly lane: string
  readonly target?: string | undefined
  readonly key?: string | undefined
  readonly scope?: string | undefined
  /** At most this many a second, 1…100,000. Default as fast as it goes. */
  readonly ratePerSecond?: number | undefined
  /** Ends the call between two pages, and cuts the wait for the rate. */
  readonly signal?: AbortSignal | undefined
  /** After each page. What it throws ends the call. */
  readonly onProgress?: ((progress: ResolveProgress) => void) | undefined
}

export interface ResolveProgress {
  /** Redriven, or discarded. */
  readonly done: number
  /** Somebody else was faster. */
  readonly notDead: number
}

export interface ResolvedAll extends ResolveProgress {
  /** The signal ended it before all were met. */
  readonly isInterrupted: boolean
}

const PAGE = 500
const MAX_RATE = 100_000
/** With a rate, so many pages a second, where that gives them anything to do. */
const PAGES_PER_SECOND = 10

/** @throws VALIDATION naming the option. */
export async function resolveAllDead(
  store: OutboxStore, action: ResolveDeadRequest['action'], options: ResolveAllOptions,
): Promise<ResolvedAll> {
  const { target, key, onProgress, ...pace } = options
  const lane = assertName('lane', options.lane, MAX_NAME_BYTES)
  const scope: ScopeId | undefined = options.scope === undefined ? undefined : scopeId(options.scope)
  const tell = onProgress && (({ done, others }: PagedProgress<'not_dead'>) => onProgress({
    done, notDead: others.not_dead ?? 0,
  }))
  const { done, others, isInterrupted } = await resolvePages<string, 'not_dead'>({
    list: async (limit, after) => (
      (await store.list({ status: 'dead_letter', lane, target, key, scope, limit, after })).map(({ id }) => id)),
    resolve: async (ids) => {
      const answers = await store.resolveDead({ ids, action, scope })
      return answers.map((answer) => (answer === 'not_dead' ? answer : 'done'))
    },
  }, { ...pace, onProgress: tell })
  return { done, notDead: others.not_dead ?? 0, isInterrupted }
}

export interface ResolvedPages<Place, Other extends string> {
  /** At most so many at a time. Default 500. */
  readonly pageLimit?: number | undefined
  /** Those behind the place; fewer than `limit` only at the end. */
  list(limit: number, after: Place | undefined): Promise<readonly Place[]>
  /** An answer for each, in order. */
  resolve(page: readonly Place[]): Promise<readonly ('done' | Other)[]>
}

export interface PagedProgress<Other extends string> {
  readonly done: number
  /** How often each other answer was given. */
  readonly others: Partial<Readonly<Record<Other, number>>>
}

export type Pace<Progress> = Pick<ResolveAllOptions, 'ratePerSecond' | 'signal'>
  & { readonly onProgress?: ((progress: Progress) => void) | undefined }

/** @throws VALIDATION. */
export async function resolvePages<Place, Other extends string>(
  pages: ResolvedPages<Place, Other>, { ratePerSecond, signal, onProgress }: Pace<PagedProgress<Other>>,
): Promise<PagedProgress<Other> & { readonly isInterrupted: boolean }> {
  const rate = ratePerSecond === undefined ? undefined : assertInteger('ratePerSecond', ratePerSecond, 1, MAX_RATE)
  const { pageLimit = PAGE } = pages
  const limit = rate === undefined ? pageLimit : Math.min(pageLimit, Math.ceil(rate / PAGES_PER_SECOND))
  const others: Partial<Record<Other, number>> = {}
  let [done, met] = [0, 0]
  let after: Place | undefined
  for (const startedAt = monotonicMs(); signal?.aborted !== true;) {
    const page = await pages.list(limit, after)
    for (const answer of page.length > 0 ? await pages.resolve(page) : []) {
      if (answer === 'done') done += 1
      else others[answer] = (others[answer] ?? 0) + 1
    }
    met += page.length
    if (page.length > 0) onProgress?.({ done, others })
    if (page.length < limit) return { done, others, isInterrupted: false }
    after = page.at(-1)
    if (rate !== undefined) await pause(Math.max(0, startedAt + 1_000 * met / rate - monotonicMs()), signal)
  }
  return { done, others, isInterrupted: true }
}
