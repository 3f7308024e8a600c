/** Whether what was applied is what this version knows: the same rules as `pendingMigrations`, told and not thrown. */
import { ok, problem, someOf, type Finding } from '../core/diagnosis.js'
import type { AppliedMigration } from './migrations.js'

export interface NamedMigration extends AppliedMigration {
  readonly name: string
}

export const NEXT_MIGRATE = 'run `waybill migrate`'

export function schemaFinding(known: readonly NamedMigration[], applied: readonly AppliedMigration[]): Finding {
  const name = 'schema'
  const latest = known.at(-1)?.version ?? 0
  const checksums = new Map(applied.map(({ version, checksum }) => [version, checksum]))
  const newest = Math.max(0, ...checksums.keys())
  if (newest > latest) {
    return problem(
      name, `version ${newest}, newer than ${latest}, which this program knows`, 'upgrade the package here')
  }
  const changed = known.filter(({ version, checksum }) => (checksums.get(version) ?? checksum) !== checksum)
  if (changed.length > 0) {
    return problem(
      name, `applied as another text: ${namesOf(changed)}`, 'restore it from a backup, or migrate a fresh one')
  }
  const missing = known.filter(({ version }) => !checksums.has(version))
  return missing.length === 0 ? ok(name, `version ${latest}`)
    : problem(name, `not applied: ${namesOf(missing)}`, NEXT_MIGRATE)
}

function namesOf(migrations: readonly NamedMigration[]): string {
  return someOf(migrations.map(({ version, name }) => `${version} ${name}`))
}
