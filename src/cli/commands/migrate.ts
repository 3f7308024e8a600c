/** `waybill migrate`: creates or upgrades the schema; safe at every deploy, from every process. */
import { Command } from 'commander'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'

type Flags = DatabaseFlags & { readonly print?: boolean }

export function migrateCommand(context: Context): Command {
  const command = new Command('migrate').description('create or upgrade the tables')
    .option('--print', 'print the SQL for an empty database, and apply nothing')
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    const output = context.output(flags)
    const { print = false } = flags
    await withConnection(context.io, flags, async ({ waybill, address }) => {
      if (print) {
        const sql = waybill.migrationSql()
        if (output.json) output.document({ sql })
        else output.line(sql.trimEnd())
        return
      }
      await waybill.migrate()
      if (output.json) output.document({ migrated: true, database: address })
      else output.line(`${output.styled('green', 'migrated')} ${address}`)
    }, { file: print ? 'untouched' : 'creatable' })
  })
}
