/** Calls of a provider of reservations: many at once, bounded in number and in time. */
import { WaybillError } from '../core/errors.js'

/** At once, so that a batch does not fill the client's queue. */
const AT_ONCE = 100

export interface Asked<Answer> {
  /** Of those that were answered. */
  readonly answers: ReadonlyMap<string, Answer>
  /** The first there was; nothing was asked after it. */
  readonly failure: { readonly cause: unknown } | undefined
}

/** In order, by hundreds; never rejects. */
export async function askEach<Key, Answer>(
  keys: readonly (readonly [string, Key])[], timeoutMs: number, ask: (key: Key) => Promise<Answer>,
): Promise<Asked<Answer>> {
  const answers = new Map<string, Answer>()
  let failure: Asked<Answer>['failure']
  const askAll = async (): Promise<void> => {
    for (let at = 0; at < keys.length && failure === undefined; at += AT_ONCE) {
      await Promise.all(keys.slice(at, at + AT_ONCE).map(async ([text, key]) => {
        try {
          answers.set(text, await ask(key))
        } catch (cause) {
          failure ??= { cause }
        }
      }))
    }
  }
  if (keys.length === 0) return { answers, failure }
  try {
    await within(timeoutMs, askAll())
  } catch (cause) {
    failure ??= { cause }
  }
  // What comes later is not looked at any more.
  return { answers: new Map(answers), failure }
}

/** @throws TIMEOUT; what the work does after that is nobody's. */
export async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(noAnswer(timeoutMs)), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    work.catch(() => undefined)
  }
}

function noAnswer(timeoutMs: number): WaybillError {
  return new WaybillError('TIMEOUT', `no answer in ${timeoutMs} ms`, { retryable: true, details: { timeoutMs } })
}
