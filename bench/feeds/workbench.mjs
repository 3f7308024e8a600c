// The stores of a whole run: a PostgreSQL database, a SQLite file, and a Redis where there is one.
import { BenchDatabase } from '../measure/database.mjs'
import { PostgresBed } from './postgres-bed.mjs'
import { RedisBed } from './redis-bed.mjs'
import { SqliteBed } from './sqlite-bed.mjs'

export class FeedsWorkbench extends BenchDatabase {
  beds = []

  async prepare() {
    for (const Bed of [SqliteBed, PostgresBed, RedisBed]) {
      const bed = await Bed.open(this)
      if (bed !== undefined) this.beds.push(bed)
    }
  }

  async close() {
    for (const bed of this.beds) await bed.close()
    await super.close()
  }
}
