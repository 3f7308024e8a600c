/** Finds, loads and checks `waybill.config.ts`, `.js` or `.mjs`. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WaybillConfig } from '../config.js'
import { CliError } from './cli-error.js'
import { EXIT } from './exit-codes.js'

export const CONFIG_NAMES = ['waybill.config.ts', 'waybill.config.js', 'waybill.config.mjs'] as const

export interface LoadedConfig {
  readonly path: string
  readonly config: WaybillConfig
}

/** Undefined when there is none and none was asked for. @throws CONFIG_INVALID, DRIVER_MISSING. */
export async function loadConfig(cwd: string, asked: string | undefined): Promise<LoadedConfig | undefined> {
  const candidates = asked === undefined ? CONFIG_NAMES : [asked]
  const paths = candidates.map((name) => resolve(cwd, name))
  const path = paths.find((each) => existsSync(each))
  if (path === undefined && asked !== undefined) {
    throw invalid(`there is no ${paths[0]}`, 'check --config, or write one with `waybill init`')
  }
  if (path === undefined) return undefined
  return { path, config: check(basename(path), await load(path)) }
}

type Module = Readonly<Record<string, unknown>>

async function load(path: string): Promise<unknown> {
  let module: Module
  try {
    module = await (/\.[cm]?ts$/.test(path) ? loadTypeScript(path) : importFile(path))
  } catch (cause) {
    if (cause instanceof CliError) throw cause
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    throw new CliError('CONFIG_INVALID', `${basename(path)} does not load: ${reason}`, {
      next: 'correct it and run this again; --verbose shows where it fails', exitCode: EXIT.usage, cause,
    })
  }
  const { config, default: fallback } = module
  if (config !== undefined) return config
  return isObject(fallback) && isObject(fallback['config']) ? fallback['config'] : fallback
}

async function importFile(path: string): Promise<Module> {
  return await import(pathToFileURL(path).href) as Module
}

/** Node runs TypeScript by itself from 22.18 on, save what has to be compiled, such as enums. */
async function loadTypeScript(path: string): Promise<Module> {
  if ((process.features as { typescript?: unknown }).typescript) {
    try {
      return await importFile(path)
    } catch (error) {
      if (!isObject(error) || error['code'] !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') throw error
    }
  }
  const { createJiti } = await findJiti(path)
  return createJiti(pathToFileURL(path).href, { interopDefault: false }).import(path)
}

interface Jiti {
  createJiti(id: string, options: object): { import(path: string): Promise<Module> }
}

/** jiti of the project, else the one beside this package. */
async function findJiti(path: string): Promise<Jiti> {
  for (const from of [pathToFileURL(path).href, import.meta.url]) {
    let found: string
    try {
      found = createRequire(from).resolve('jiti')
    } catch {
      continue
    }
    const module = await importFile(found)
    return (typeof module['createJiti'] === 'function' ? module : module['default']) as Jiti
  }
  throw new CliError('DRIVER_MISSING', `${basename(path)} needs jiti on Node ${process.versions.node}`, {
    next: '`npm i -D jiti`, or use Node 22.18 or later, or write it as waybill.config.mjs',
  })
}

/** What may be in a configuration, and what it must be. */
const FIELDS: Readonly<Record<keyof WaybillConfig, (value: unknown) => string | undefined>> = {
  url: (value) => (typeof value === 'string' && value.trim() !== '' ? undefined : 'must be a URL or a path'),
  store: (value) => (isStore(value) ? undefined : 'must be a store'),
  schema: (value) => (typeof value === 'string' ? undefined : 'must be a string'),
  events: (value) => (isObject(value) ? undefined : 'must come from defineEvents'),
  lanes: (value) => (isObject(value) ? undefined : 'must be an object of lanes'),
  codec: (value) => (hasMethods(value, ['encode', 'decode']) ? undefined : 'must be a codec'),
  relays: (value) => (Array.isArray(value) && value.every(isObject) ? undefined : 'must be an array'),
}

function check(name: string, config: unknown): WaybillConfig {
  const next = `see WaybillConfig, or write \`export const config = defineConfig({ … })\``
  if (!isObject(config)) throw invalid(`${name} exports no config`, next)
  if (config['url'] !== undefined && config['store'] !== undefined) {
    throw invalid(`${name}: url and store exclude each other`, 'keep one of the two')
  }
  for (const [field, value] of Object.entries(config)) {
    if (!Object.hasOwn(FIELDS, field)) {
      throw invalid(`${name}: ${field} is not one of ${Object.keys(FIELDS).join(', ')}`, next)
    }
    const problem = value === undefined ? undefined : FIELDS[field as keyof WaybillConfig](value)
    if (problem !== undefined) throw invalid(`${name}: ${field} ${problem}`, next)
  }
  return config
}

function invalid(message: string, next: string): CliError {
  return new CliError('CONFIG_INVALID', message, { next, exitCode: EXIT.usage })
}

/** Enough to tell a store from what was meant to become one, such as its options. */
function isStore(value: unknown): boolean {
  return hasMethods(value, ['bind', 'transaction', 'migrate', 'close'])
    && hasMethods(value['outbox'], ['enqueueMany', 'claim', 'settle', 'list', 'stats', 'settings'])
}

function hasMethods(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  return isObject(value) && names.every((name) => typeof value[name] === 'function')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
