/** A delivery by POST to one of the receivers. */
import { permanentError } from 'waybill'
import { luckOf, NAME_HEADER } from '../plan.js'

/** What the receiver writes down beside what it sees, as JSON. */
export const NOTE_HEADER = 'chaos-note'
export const ATTEMPT_HEADER = 'chaos-attempt'

export interface Post {
  /** Decides which receiver. */
  readonly place: string
  readonly name: string
  readonly attempt: number
  readonly payload: Uint8Array
  readonly contentType: string
  readonly note?: Readonly<Record<string, unknown>> | undefined
  readonly signal: AbortSignal
}

/** Resolves when it was accepted. @throws what a transport should. */
export async function postTo(
  receivers: readonly number[], { place, name, attempt, payload, contentType, note, signal }: Post,
): Promise<void> {
  const port = receivers[Math.floor(luckOf(place) * receivers.length)]
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: {
      [NAME_HEADER]: name, 'content-type': contentType, [ATTEMPT_HEADER]: String(attempt),
      ...(note === undefined ? {} : { [NOTE_HEADER]: JSON.stringify(note) }),
    },
    body: payload as Uint8Array<ArrayBuffer>,
    signal,
  })
  // Read, so that the connection can be used again.
  await response.arrayBuffer()
  if (response.status === 422) throw permanentError('refused for good')
  if (!response.ok) throw new Error(`status ${response.status}`)
}
