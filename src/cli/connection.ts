/**
 * Which database a command works on. The first that names one: `--url`, WAYBILL_URL, DATABASE_URL, the
 * configuration. But a `store` in the configuration goes before DATABASE_URL: it was made for Waybill, with
 * settings that a URL does not carry, while other programs have their uses for that variable.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { postgres } from '../postgres.js'
import { redis, type RedisStore } from '../redis.js'
import { sqlite } from '../sqlite.js'
import type { Store } from '../store.js'
import { createWaybill } from '../waybill.js'
import type { EventDefinitions } from '../outbox/events.js'
import { CliError, usageError } from './cli-error.js'
import { loadConfig, type LoadedConfig } from './config-file.js'
import { EXIT } from './exit-codes.js'
import type { Io } from './io.js'
import { maskSecrets } from '../core/masking.js'
import type { DatabaseFlags } from './options.js'

export type Connected = ReturnType<typeof createWaybill<unknown, unknown, EventDefinitions>>

export interface Connection {
  readonly waybill: Connected
  readonly store: Store
  readonly loaded: LoadedConfig | undefined
  /** What it is connected to and who says so, without secrets. */
  readonly description: string
  /** The same without who says so: `sqlite:/srv/shop.db`. */
  readonly address: string
}

/** Redis has feeds and their subscribers, and nothing else. */
export interface RedisConnection {
  readonly redis: RedisStore
}

export interface ConnectOptions {
  /** What a SQLite file must be. Default `exists`: reading a mistyped path must not make a database. */
  readonly file?: 'exists' | 'creatable' | 'untouched'
}

interface Address {
  readonly url: string
  readonly from: string
  /** What a relative path is relative to. */
  readonly folder: string
}

interface Located {
  readonly loaded: LoadedConfig | undefined
  /** Undefined where the configuration has a store. */
  readonly address: Address | undefined
  readonly schema: string | undefined
}

/** @throws CliError. */
async function locate(io: Io, flags: DatabaseFlags): Promise<Located> {
  const loaded = await loadConfig(io.cwd, flags.config)
  const address = findAddress(io, flags, loaded)
  const schema = flags.schema ?? io.env['WAYBILL_SCHEMA'] ?? loaded?.config.schema
  if (flags.schema !== undefined && address !== undefined && !isPostgres(address.url)) {
    throw usageError('only PostgreSQL has schemas', 'leave --schema out')
  }
  if (flags.keyPrefix !== undefined && !isRedis(address?.url ?? '')) {
    throw usageError('only Redis has a prefix of keys', 'leave --key-prefix out')
  }
  return { loaded, address, schema }
}

/** @throws CliError, WaybillError. Nothing is sent yet: the first query connects. */
function open({ loaded, address, schema }: Located, options: ConnectOptions): Connection {
  const { config } = loaded ?? {}
  const { store, name } = address === undefined ? givenStore(loaded) : openStore(address, schema, options)
  const waybill = createWaybill({ store, events: config?.events ?? {}, codec: config?.codec, lanes: config?.lanes })
  return { waybill, store, loaded, address: name, description: `${name} (${address?.from ?? loaded?.path ?? ''})` }
}

/** Connects, works, and lets go, whatever happens. */
export async function withConnection<T>(
  io: Io, flags: DatabaseFlags, work: (connection: Connection) => Promise<T>, options: ConnectOptions = {},
): Promise<T> {
  return letGo(open(await locate(io, flags), options), ({ waybill }) => waybill, work)
}

/** As `withConnection`, also where the URL is that of a Redis. */
export async function withAnyConnection<T>(
  io: Io, flags: DatabaseFlags, work: (connection: Connection | RedisConnection) => Promise<T>,
): Promise<T> {
  const located = await locate(io, flags)
  const url = located.address?.url ?? ''
  if (!isRedis(url)) return letGo(open(located, {}), ({ waybill }) => waybill, work)
  const { keyPrefix: prefix } = flags
  const codec = located.loaded?.config.codec
  const store = redis({ url, ...(prefix !== undefined && { prefix }), ...(codec !== undefined && { codec }) })
  return letGo({ redis: store }, () => store, work)
}

async function letGo<C, T>(
  connection: C, opened: (connection: C) => { close(): Promise<void> }, work: (connection: C) => Promise<T>,
): Promise<T> {
  try {
    return await work(connection)
  } finally {
    await opened(connection).close().catch(() => undefined)
  }
}

function findAddress(io: Io, flags: DatabaseFlags, loaded: LoadedConfig | undefined): Address | undefined {
  const { env, cwd } = io
  if (flags.url !== undefined) return { url: flags.url, from: '--url', folder: cwd }
  if (env['WAYBILL_URL']) return { url: env['WAYBILL_URL'], from: 'WAYBILL_URL', folder: cwd }
  if (loaded?.config.store !== undefined) return undefined
  if (env['DATABASE_URL']) return { url: env['DATABASE_URL'], from: 'DATABASE_URL', folder: cwd }
  if (loaded?.config.url === undefined) {
    throw usageError(loaded === undefined ? 'no database is named' : `${loaded.path} names no database`,
      'pass --url sqlite:<path> or --url postgres://…, set WAYBILL_URL, or begin with `waybill init`')
  }
  return { url: loaded.config.url, from: loaded.path, folder: dirname(loaded.path) }
}

interface OpenedStore {
  readonly store: Store
  readonly name: string
}

function givenStore(loaded: LoadedConfig | undefined): OpenedStore {
  const store = loaded?.config.store
  if (store === undefined) throw usageError('no database is named', 'pass --url')
  return { store, name: `the ${store.name} store` }
}

function openStore(
  { url, from, folder }: Address, schema: string | undefined, options: ConnectOptions,
): OpenedStore {
  const shown = maskSecrets(url)
  if (isPostgres(url)) {
    const store = postgres({ url, ...(schema === undefined ? {} : { schema }) })
    return { store: store, name: schema === undefined ? shown : `${shown}, schema ${schema}` }
  }
  if (isRedis(url)) {
    const message = `${from} names ${shown}, and Redis holds feeds alone: it has no messages and no journal`
    throw new CliError('CONFIG_INVALID', message, {
      next: '`waybill feed` and `waybill doctor` take it; for all else name a SQL database', exitCode: EXIT.usage,
    })
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(url) && !/^(?:sqlite|file):/i.test(url)) {
    throw new CliError('CONFIG_INVALID', `there is no store for ${shown}, which ${from} names`, {
      next: 'use postgres://…, sqlite:<path> or a path; --url and WAYBILL_URL go before DATABASE_URL',
      exitCode: EXIT.usage,
    })
  }
  const path = sqlitePath(url, folder)
  checkFile(path, options)
  return { store: sqlite({ path }), name: `sqlite:${maskSecrets(path)}` }
}

function isPostgres(url: string): boolean {
  return /^postgres(?:ql)?:\/\//i.test(url)
}

function isRedis(url: string): boolean {
  return /^rediss?:\/\//i.test(url)
}

/** `sqlite:shop.db`, `sqlite:/srv/shop.db`, `sqlite:///srv/shop.db`, `file:///srv/shop.db`, or a path. */
function sqlitePath(url: string, folder: string): string {
  const path = /^file:\/\//i.test(url) ? fileURLToPath(url)
    : url.replace(/^(?:sqlite|file):(?:\/\/(?=.))?/i, '')
  if (path.trim() === '') throw usageError('the URL names no file', 'write it as sqlite:<path>')
  return resolve(folder, path)
}

function checkFile(path: string, { file = 'exists' }: ConnectOptions): void {
  if (file === 'untouched' || path.includes(':memory:') || existsSync(path)) return
  const shown = maskSecrets(path)
  if (file === 'exists') {
    throw new CliError('STORE_UNAVAILABLE', `there is no file ${shown}`, {
      next: 'check the path, or run `waybill migrate` to create it',
    })
  }
  if (!existsSync(dirname(path))) {
    throw new CliError('STORE_UNAVAILABLE', `there is no folder ${maskSecrets(dirname(path))}`, {
      next: 'create it, or check the path',
    })
  }
}
