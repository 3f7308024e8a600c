/** What a feed is asked to be, and what that comes to. */
import { validationError } from '../core/errors.js'
import { DEFAULT_FEED_CAPACITY, MAX_FEED_CAPACITY, MAX_NAME_BYTES } from '../core/limits.js'
import { DEFAULT_SCOPE, scopedName, type ScopeId } from '../core/scope.js'
import { assertInteger, assertName } from '../core/validate.js'
import { configHash } from './signature.js'

export interface FeedOptions {
  /** Of the feed, within its scope. At most 255 bytes. */
  readonly name: string
  /** How many results are kept for those who catch up, 1…1,000,000. Default 1,000. */
  readonly capacity?: number | undefined
  /**
   * What the result is made of, as any JSON value: a query's text, a version. Results of another configuration are not
   * mixed with these. Default null.
   */
  readonly config?: unknown
  /** Its hash, in place of it: 1 to 255 bytes. */
  readonly configHash?: string | undefined
  /** From a row to what identifies it, for changes that name neither `key` nor `signature`. */
  readonly key?: ((row: never) => unknown) | undefined
  /** What to do with a feed of another configuration: `refuse` throws CONFIG_CHANGED, `reset` empties it. */
  readonly onConfigChange?: 'refuse' | 'reset' | undefined
}

export interface FeedSettings {
  readonly name: string
  /** By which stores know it. */
  readonly key: string
  readonly capacity: number
  readonly configHash: string
  readonly keyOf: ((row: never) => unknown) | undefined
  readonly onConfigChange: 'refuse' | 'reset'
}

/** @throws VALIDATION naming the option. */
export function feedSettings(options: FeedOptions, scope: ScopeId | undefined): FeedSettings {
  const { capacity = DEFAULT_FEED_CAPACITY, key, onConfigChange = 'refuse' } = options
  if (key !== undefined && typeof key !== 'function') throw validationError('key', 'must be a function')
  if (onConfigChange !== 'refuse' && onConfigChange !== 'reset') {
    throw validationError('onConfigChange', "must be 'refuse' or 'reset'")
  }
  if (options.configHash !== undefined && options.config !== undefined) {
    throw validationError('configHash', 'stands in place of config: give one of them')
  }
  const name = assertName('name', options.name, MAX_NAME_BYTES)
  return {
    name, key: scopedName(scope ?? DEFAULT_SCOPE, name), keyOf: key, onConfigChange,
    capacity: assertInteger('capacity', capacity, 1, MAX_FEED_CAPACITY),
    configHash: options.configHash === undefined ? configHash(options.config ?? null)
      : assertName('configHash', options.configHash, MAX_NAME_BYTES),
  }
}
