/**
 * What SQL stores share about migrations: numbered steps, applied in order, each once, never edited. How a
 * store takes the lock under which they are applied is its own business.
 */
import { createHash } from 'node:crypto'
import { WaybillError } from '../core/errors.js'

export interface Migration {
  /** From 1, without holes. */
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}

export interface AppliedMigration {
  readonly version: number
  readonly checksum: string
}

/** Of the text alone, so that a released step cannot change unnoticed. */
export function migrationChecksum(migration: Migration): string {
  return createHash('sha256').update(migration.statements.join(';\n')).digest('hex')
}

/**
 * The steps that are still to be applied.
 * @throws CONFIG_INVALID when an applied step differs from the one this version of Waybill knows, or when the
 *   schema is newer than this version.
 */
export function pendingMigrations(
  known: readonly Migration[], applied: readonly AppliedMigration[],
): readonly Migration[] {
  const byVersion = new Map(known.map((migration) => [migration.version, migration]))
  for (const { version, checksum } of applied) {
    const migration = byVersion.get(version)
    if (migration === undefined) {
      throw new WaybillError('CONFIG_INVALID', `the schema is at version ${version}, newer than this Waybill knows; `
        + 'upgrade the package', { details: { version } })
    }
    if (migrationChecksum(migration) !== checksum) {
      throw new WaybillError('CONFIG_INVALID', `migration ${version} (${migration.name}) was applied as another text; `
        + 'restore the schema from a backup or migrate a fresh one', { details: { version } })
    }
  }
  const done = new Set(applied.map(({ version }) => version))
  return known.filter(({ version }) => !done.has(version))
}
