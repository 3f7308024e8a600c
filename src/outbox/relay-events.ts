/** What a relay tells, and how it is written to a logger: names, ids and numbers, never payloads or secrets. */
import { describeError } from '../core/errors.js'
import { maskSecrets } from '../core/masking.js'
import type { RunnerEventName, RunnerEvents } from '../runner/report.js'

/** An event of the runner, with the target it happened at. */
export type RelayEvent<Name extends RunnerEventName> = RunnerEvents[Name] & { readonly target: string }

export type ListenToRelay =
  <Name extends RunnerEventName>(name: Name, listener: (event: RelayEvent<Name>) => unknown) => () => void

/** `console` is one. */
export interface RelayLogger {
  debug(message: string, details: object): void
  info(message: string, details: object): void
  warn(message: string, details: object): void
  error(message: string, details: object): void
}

/** Single deliveries are not logged: at full speed that would cost more than delivering. */
export function logRelay(on: ListenToRelay, lane: string, logger: RelayLogger): void {
  on('claimed', (event) => logger.debug('claimed messages', { lane, ...event }))
  on('requeued', (event) => logger.debug('delivery failed, trying again', { lane, ...masked(event) }))
  on('deadLettered', (event) => logger.error('message became a dead letter', { lane, ...masked(event) }))
  on('lostClaim', (event) => logger.warn('claim lost, the message is delivered again', { lane, ...event }))
  on('error', ({ error, ...event }) =>
    logger.warn('the store failed, trying again', { lane, ...event, error: maskSecrets(describeError(error)) }))
}

/** What a handler threw may quote the URL or the key that it used. */
function masked<Event extends { readonly error: string }>(event: Event): Event {
  return { ...event, error: maskSecrets(event.error) }
}
