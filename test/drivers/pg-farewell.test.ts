/** A server may say goodbye in the same packet in which it says that a connection is ready. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { pgDatabase } from '../../src/drivers/pg.js'

function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + body.length)
  return Buffer.concat([Buffer.from(type), length, body])
}

const AUTHENTICATED = message('R', Buffer.from([0, 0, 0, 0]))
const READY = message('Z', Buffer.from('I'))
const GOODBYE = message('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'))

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function serverThatLeaves(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, GOODBYE])))
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('a connection that is ended as soon as it is ready fails its transaction and nothing else', async () => {
  const port = await serverThatLeaves()
  const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'nobody' })
  pool.on('error', () => undefined)
  const database = pgDatabase(pool, { prepare: false, owned: true })
  const failures: unknown[] = []
  const onFailure = (error: unknown): void => void failures.push(error)
  process.on('uncaughtException', onFailure)
  await expect(database.transaction(async () => undefined)).rejects.toThrow()
  await database.close()
  process.off('uncaughtException', onFailure)
  expect(failures).toEqual([])
})
