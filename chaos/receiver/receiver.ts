/** A receiver: accepts, refuses, fails and dawdles, and writes down what it was sent. A process. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { FaultEvent } from 'waybill/testkit'
import { Journal, now } from '../history/journal.js'
import { startChild, type ChildSettings } from '../processes/child.js'
import { StallWatch } from '../processes/stall-watch.js'
import {
  AFTERMATH_MS, DELIVERY_TIMEOUT_MS, isHopeless, isPoison, isRefused, luckOf, NAME_HEADER, RECEIVER, STALL,
} from '../plan.js'
import { ATTEMPT_HEADER, NOTE_HEADER } from './post.js'

export interface ReceiverSettings extends ChildSettings {
  readonly name: string
  readonly folder: string
  /** What it receives, under this name in its journal. */
  readonly noun: 'message' | 'event' | 'effect'
}

/** What is received, under the run's noun. */
interface ReceiverEvent extends Readonly<Record<string, unknown>> {
  readonly kind: 'received'
  readonly at: number
}

/** For `ms`: `fail` everything, or `hold` every other answer until the sender has given up. */
interface ReceiverCommand {
  readonly kind: 'fail' | 'hold'
  readonly ms: number
}

const HOLD_MS = DELIVERY_TIMEOUT_MS + 1_000

const child = startChild<ReceiverSettings, ReceiverCommand>()
const journal = new Journal<ReceiverEvent | FaultEvent>(join(child.settings.folder, `${child.settings.name}.jsonl`))
new StallWatch(journal, STALL)
const { noun } = child.settings
const counts = { accepted: 0, refused: 0, distinct: 0 }
/** Accepted, or refused as it is meant to be. */
const known = new Set<string>()
const until = { fail: 0, hold: 0 }
child.onCommand(({ kind, ms }) => {
  const at = now()
  until[kind] = at + ms
  // Who was accepted and not answered is sent again when the sender's patience is over.
  const over = at + ms + (kind === 'hold' ? DELIVERY_TIMEOUT_MS + AFTERMATH_MS : 0)
  journal.write({ kind: 'fault', at, until: over, name: `receiver-${kind}` })
})

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = String(request.headers[NAME_HEADER])
  const body = await buffer(request)
  const digest = createHash('sha256').update(body).digest('base64url')
  const luck = luckOf(`${name} ${String(request.headers[ATTEMPT_HEADER])}`)
  const note = JSON.parse(String(request.headers[NOTE_HEADER] ?? '{}')) as object
  const at = now()
  const isFailing = at < until.fail || isHopeless(name) || luck < RECEIVER.fails
  const accepted = !isFailing && !isRefused(name)
  journal.write({ kind: 'received', at, [noun]: name, digest, accepted, ...note })
  if (accepted || isPoison(name)) known.add(name)
  counts.distinct = known.size
  counts[accepted ? 'accepted' : 'refused'] += 1
  if (accepted) return answer(response, 204, at < until.hold && luck < 0.5 ? HOLD_MS : slownessOf(luck))
  // A failure may also be a connection that just ends.
  if (isFailing && luck < RECEIVER.fails / 4) return void request.socket.destroy()
  answer(response, isFailing ? 503 : 422, 0)
}

function slownessOf(luck: number): number {
  const { fails, slow, slowMs, slowSpreadMs } = RECEIVER
  const share = (luck - fails) / slow
  return share >= 0 && share < 1 ? slowMs + share * slowSpreadMs : 0
}

function answer(response: ServerResponse, status: number, afterMs: number): void {
  if (afterMs === 0) return void response.writeHead(status).end()
  const timer = setTimeout(() => response.writeHead(status).end(), afterMs)
  // The sender has given up, or was killed.
  response.on('close', () => clearTimeout(timer))
}

const server = createServer((request, response) => {
  // A sender that is killed halfway leaves a request that ends early.
  receive(request, response).catch(() => response.destroy())
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1')
await once(server, 'listening')
child.ready(() => counts, (server.address() as AddressInfo).port)
await child.stopped
server.closeAllConnections()
server.close()
child.end()
