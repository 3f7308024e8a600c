// Under which conditions a run took place: what the figures mean nothing without.
import { machine, versionOf } from './machine.mjs'

const ASKED = ['fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size', 'wal_level', 'checkpoint_timeout']
const SETTINGS = 'select name, setting, unit from pg_settings where name = any ($1::text[]) order by name'

/**
 * Rows of a name and a value. `packages` are those that are measured, and `rows` what the topic has to say besides.
 */
export async function aboutRun({ admin, load }, sizes, { size, isLent, packages, rows: own }) {
  const { hardware, node, date, commit } = machine()
  const { rows } = await admin.query(SETTINGS, [ASKED])
  const server = rows.map(({ name, setting, unit }) => `${name} ${setting}${unit === null ? '' : ` × ${unit}`}`)
  const where = isLent ? 'lent' : 'private, on the same machine'
  const { rounds, shortRounds, ...counts } = sizes
  const ofShort = shortRounds === undefined ? '' : `, ${shortRounds} of single transactions`
  return [
    ['run', `${size}, ${date}, commit ${commit}${size === 'full' ? '' : '; smaller than a full run'}`],
    ['machine', hardware],
    ['Node', `${node}, for everything measured`],
    ['PostgreSQL', `${await load.version()}, ${where}; ${server.join(', ')}`],
    ['packages', packages.map((name) => `${name} ${versionOf(name)}`).join(', ')],
    ['repetitions', `${rounds} of each${ofShort}, interleaved; one more does not count`],
    ['sizes', Object.entries(counts).filter(([, value]) => typeof value === 'number')
      .map(([name, value]) => `${name} ${value.toLocaleString('en-US')}`).join(', ')],
    ...own,
    ['payload', '200 bytes of JSON'],
  ]
}
