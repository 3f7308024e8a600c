/** `waybill init`: a configuration and an example that runs, in this folder. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { CliError } from '../cli-error.js'
import { CONFIG_NAMES } from '../config-file.js'
import type { Context } from '../context.js'
import { withCommonOptions, type CommonFlags } from '../options.js'
import { TEMPLATES, type TemplateStore } from '../templates.js'

type Language = 'ts' | 'js'
interface Flags extends CommonFlags {
  readonly store: TemplateStore
  readonly language?: Language
  readonly force?: boolean
}

export function initCommand(context: Context): Command {
  const command = new Command('init').description('write a configuration and an example that runs')
    .addOption(new Option('--store <store>', 'which database')
      .choices(Object.keys(TEMPLATES)).default('sqlite'))
    .addOption(new Option('--language <language>', 'default: ts where it runs, by Node itself or by jiti')
      .choices(['ts', 'js']))
    .option('--force', 'replace what is there')
  return withCommonOptions(command).action(async (flags: Flags) => {
    await init(context, flags)
  })
}

async function init(context: Context, flags: Flags): Promise<void> {
  const { cwd } = context.io
  const output = context.output(flags)
  const { language = languageFor(cwd) } = flags
  const extension = language === 'ts' ? 'ts' : 'mjs'
  const template = TEMPLATES[flags.store]
  const files = {
    [`waybill.config.${extension}`]: template.config,
    [`waybill-example.${extension}`]: template.example,
  }
  const written = Object.keys(files)
  // Another configuration would be found before or instead of this one.
  const there = [...CONFIG_NAMES, ...written].find((name) => existsSync(join(cwd, name)))
  if (there !== undefined && flags.force !== true) {
    throw new CliError('EXISTS', `${there} is there already`, { next: 'keep it, or replace it with --force' })
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text)
  const next = nextCommands(flags.store, extension)
  if (output.json) return output.document({ written, next })
  for (const name of written) output.line(`${output.styled('green', 'wrote')} ${name}`)
  output.line()
  output.line('next:')
  for (const command of next) output.line(`  ${output.styled('cyan', command)}`)
}

function languageFor(cwd: string): Language {
  if (runsTypeScript()) return 'ts'
  try {
    createRequire(join(cwd, 'package.json')).resolve('jiti')
    return 'ts'
  } catch {
    return 'js'
  }
}

function runsTypeScript(): boolean {
  return Boolean((process.features as { typescript?: unknown }).typescript)
}

function nextCommands(store: TemplateStore, extension: 'ts' | 'mjs'): string[] {
  const runner = extension === 'mjs' || runsTypeScript() ? 'node' : 'npx jiti'
  return [
    store === 'postgres' ? 'npm install waybill pg' : sqlitePackages(),
    ...(store === 'postgres' ? ['export DATABASE_URL=postgres://…'] : []),
    'npx waybill migrate',
    `${runner} waybill-example.${extension}`,
    'npx waybill list',
    'npx waybill relay',
  ]
}

function sqlitePackages(): string {
  const builtin = process.getBuiltinModule('node:sqlite') !== undefined
  return builtin ? 'npm install waybill' : 'npm install waybill libsql'
}
