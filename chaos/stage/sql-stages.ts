/** Where runs happen that need the caller's transactions. */
import type { LaneDeclarations } from 'waybill'
import { openPostgresStage } from './postgres-stage.js'
import { openSqliteStage } from './sqlite-stage.js'
import type { OpenStages, SqlStage } from './stage.js'

export function sqlStages(lanes: LaneDeclarations): OpenStages<SqlStage> {
  return { postgres: () => openPostgresStage(lanes), sqlite: (folder) => openSqliteStage(folder, lanes) }
}
