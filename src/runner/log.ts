/** How what a runner tells is written to a logger: names, ids and numbers, never payloads or secrets. */
import { describeError } from '../core/errors.js'
import { maskSecrets } from '../core/masking.js'
import type { RunnerEventName, RunnerEvents } from './report.js'

/** `console` is one. */
export interface RunnerLogger {
  debug(message: string, details: object): void
  info(message: string, details: object): void
  warn(message: string, details: object): void
  error(message: string, details: object): void
}

export type ListenToRunner =
  <Name extends RunnerEventName>(name: Name, listener: (event: RunnerEvents[Name]) => unknown) => () => void

/**
 * Single deliveries are not logged: at full speed that would cost more than delivering.
 * @param noun what an item is called.
 * @param labels written with every line.
 */
export function logRunner(on: ListenToRunner, noun: string, labels: object, logger: RunnerLogger): void {
  on('claimed', (event) => logger.debug(`claimed ${noun}s`, { ...labels, ...event }))
  on('requeued', (event) => logger.debug('delivery failed, trying again', { ...labels, ...masked(event) }))
  on('deadLettered', (event) => logger.error(`${noun} became a dead letter`, { ...labels, ...masked(event) }))
  on('lostClaim', (event) => logger.warn(`claim lost, the ${noun} is delivered again`, { ...labels, ...event }))
  on('error', ({ error, ...event }) => logger.warn('the store failed, trying again',
    { ...labels, ...event, error: maskSecrets(describeError(error)) }))
}

/** What a handler threw may quote the URL or the key that it used. */
function masked<Event extends { readonly error: string }>(event: Event): Event {
  return { ...event, error: maskSecrets(event.error) }
}
