/**
 * Between clients and a server. It passes everything on until it is told to lose the reply to a commit: then the next
 * one goes to the server, its answer is swallowed, and the client's connection is reset. The server has committed, and
 * the client cannot know.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** Reads what one client sends. */
export interface RequestReader {
  /** How many commits were completed by this packet. */
  push(packet: Buffer): number
}

export class ReplyProxy {
  readonly #server: Server
  readonly #upstream: number
  readonly #openReader: () => RequestReader
  readonly #sockets = new Set<Socket>()
  /** Whom to tell of each reply that is to be lost. */
  readonly #toLose: (() => void)[] = []

  private constructor(upstream: number, openReader: () => RequestReader) {
    this.#upstream = upstream
    this.#openReader = openReader
    this.#server = createServer((client) => this.#serve(client))
  }

  /** To the server on `upstream` of 127.0.0.1. */
  static async listen(upstream: number, openReader: () => RequestReader): Promise<ReplyProxy> {
    const proxy = new ReplyProxy(upstream, openReader)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Of the next commit, whoever sends it. `onLost` is called when that has happened. */
  loseReply(onLost: () => void): void {
    this.#toLose.push(onLost)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(client: Socket): void {
    const server = connect(this.#upstream, '127.0.0.1')
    const requests = this.#openReader()
    let onLost: (() => void) | undefined
    const end = (): void => {
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        end()
      })
    }
    client.on('data', (packet) => {
      if (requests.push(packet) > 0) onLost ??= this.#toLose.shift()
      server.write(packet)
    })
    server.on('data', (packet) => {
      if (onLost === undefined) return void client.write(packet)
      onLost()
      client.resetAndDestroy()
      server.destroy()
    })
  }
}
