/** What a relay does, a line for each outcome: for people, or as JSON. */
import type { EventDefinitions } from '../outbox/events.js'
import type { Relay } from '../outbox/relay.js'
import { describeError } from '../core/errors.js'
import type { Format, Output } from './output.js'
import { oneLine, padEnd } from './printable.js'

interface Told {
  readonly event: string
  readonly format: Format
  readonly lane: string
  readonly target: string
  readonly id?: string
  readonly attempt?: number
  readonly ms?: number
  readonly retryInMs?: number | undefined
  readonly error?: string | undefined
}

export function tellOutcomes(relay: Relay<EventDefinitions>, output: Output, now: () => number): void {
  const { lane } = relay
  const tell = (told: Told): void => tellOne(told, output, now())
  relay.on('delivered', (event) => tell({ event: 'delivered', format: 'green', lane, ...event }))
  relay.on('requeued', (event) => tell({ event: 'requeued', format: 'yellow', lane, ...event }))
  relay.on('deadLettered', (event) => tell({ event: 'dead_lettered', format: 'red', lane, ...event }))
  relay.on('released', (event) => tell({ event: 'released', format: 'dim', lane, ...event }))
  relay.on('lostClaim', (event) => tell({ event: 'lost_claim', format: 'yellow', lane, ...event }))
  relay.on('error', ({ operation, error, target }) => tell({
    event: 'store_error', format: 'red', lane, target, error: `${operation}: ${describeError(error)}`,
  }))
}

function tellOne({ format, ...told }: Told, output: Output, at: number): void {
  const error = told.error === undefined ? undefined : output.masked(told.error)
  if (output.json) return output.document({ at, ...told, ...(error === undefined ? {} : { error }) })
  const { event, lane, target, id, attempt, ms, retryInMs } = told
  const details = [
    `${lane}/${target}`, id, attempt === undefined ? undefined : `attempt ${attempt}`,
    ms === undefined || ms === 0 ? undefined : `${Math.round(ms)} ms`, error,
    retryInMs === undefined ? undefined : `again in ${retryInMs} ms`,
  ].filter((detail) => detail !== undefined)
  const time = output.styled('dim', new Date(at).toISOString().slice(11, 23))
  output.line(`${time}  ${output.styled(format, padEnd(event, 13))}  ${details.map(oneLine).join('  ')}`)
}
