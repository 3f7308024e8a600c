/**
 * `npm run chaos -- canary`: a small run from which one message is taken away. It must end as a program ends that found
 * a loss, which shows that an alarm reaches whoever started it.
 */
import { spawnSync } from 'node:child_process'
import type { Progress } from './progress.js'

const ARGUMENTS = ['outbox', '--quick', '--store', 'sqlite', '--canary', '--json']

export async function runCanary(_args: string[], progress: Progress): Promise<number> {
  const { status, stdout } = spawnSync(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...ARGUMENTS], {
    stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8',
  })
  const { verdict, stores: [store] } = JSON.parse(stdout) as { verdict: string; stores: { found: string[] }[] }
  const isTold = store?.found.some((line) => line.includes(': lost ')) === true
  const isFound = status === 1 && verdict === 'invalid' && isTold
  progress.note(`exit code ${status}, verdict ${verdict}: ${isFound ? 'the loss was found' : 'THE LOSS WAS NOT FOUND'}`)
  process.stdout.write(`${JSON.stringify({ verdict: isFound ? 'valid' : 'invalid' })}\n`)
  return isFound ? 0 : 1
}
