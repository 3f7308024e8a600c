/** The port between what Waybill asks of a server of the Redis protocol, and the client that carries it. */

export type RedisArgument = string | Uint8Array

/** Strings as bytes, integers as numbers. */
export type RedisReply = Uint8Array | string | number | bigint | null | readonly RedisReply[]

export interface RedisCommands {
  /** `key`: one of those that the command uses, by which a cluster finds the node. */
  send(key: string, args: readonly RedisArgument[]): Promise<RedisReply>
  /** Those of one key, in this order, without waiting in between where the client can; others may come between them. */
  sendInOrder(key: string, commands: readonly (readonly RedisArgument[])[]): Promise<readonly RedisReply[]>
  /** Ends a connection that this object opened itself; a client that was handed in stays open. */
  close(): Promise<void>
}
