/** The receiver: a warehouse's HTTP endpoint on a bad day. Logs what it accepts. A process of its own. */
import { openSync, writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { startChild } from './child.js'
import { LATE_ANSWER_MS, NOWHERE, RECEIVER_FAULTS, type ReceiverSettings, type Reception } from './plan.js'

const accepted = new Set<string>()
const refused = new Set<string>()
const counts = { failed: 0, hung: 0 }
const child = startChild<ReceiverSettings>()
// O_APPEND: a line is written at the end in one piece, before the sender hears that it was accepted.
const log = openSync(child.settings.log, 'a')

interface Order {
  readonly order: string
  readonly shipTo: string
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { order, shipTo } = JSON.parse(await text(request)) as Order
  if (shipTo === NOWHERE) {
    refused.add(order)
    return answer(response, 422, `nobody delivers to ${NOWHERE}`)
  }
  const luck = Math.random()
  const { fails, hangs, answersLate } = RECEIVER_FAULTS
  if (luck < fails) {
    counts.failed += 1
    return answer(response, 500, 'the forklift is broken')
  }
  if (luck < fails + hangs) {
    counts.hung += 1
    return answerLate(response, 503)
  }
  const late = luck < fails + hangs + answersLate
  accept(order, request, late)
  if (late) answerLate(response, 200)
  else answer(response, 200, 'ok')
}

function accept(order: string, request: IncomingMessage, answeredLate: boolean): void {
  const { 'waybill-id': message, 'demo-run': run } = request.headers
  const reception: Reception = { order, message: String(message), run: Number(run), answeredLate }
  writeSync(log, `${JSON.stringify(reception)}\n`)
  accepted.add(order)
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(body)
}

function answerLate(response: ServerResponse, status: number): void {
  const timer = setTimeout(() => answer(response, status, 'at last'), LATE_ANSWER_MS)
  // The sender has given up, or was killed.
  response.on('close', () => clearTimeout(timer))
}

const server = createServer((request, response) => {
  // A sender that is killed halfway leaves a request that ends early.
  receive(request, response).catch(() => response.destroy())
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  child.ready(() => ({ ...counts, accepted: accepted.size, refused: refused.size }), port)
})
await child.stopped
server.closeAllConnections()
server.close()
child.end()
