import { spawnSync } from 'node:child_process'
import { chromium, type Browser } from 'playwright-core'

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome']

function find(): string | undefined {
  const asked = process.env['WAYBILL_TEST_CHROMIUM']
  return (asked === undefined ? PROGRAMS : [asked]).find((program) => spawnSync(program, ['--version']).status === 0)
}

const PROGRAM = find()

/** Why no browser can be tested here, or undefined. Under WAYBILL_CI it is required. */
export function chromiumMissing(): string | undefined {
  if (PROGRAM !== undefined) return undefined
  const reason = `none of ${PROGRAMS.join(', ')} runs`
  if (process.env['WAYBILL_CI']) throw new Error(reason)
  return reason
}

/** Without a window. */
export async function startChromium(): Promise<Browser> {
  const { stdout } = spawnSync('sh', ['-c', `command -v "$0"`, PROGRAM ?? ''], { encoding: 'utf8' })
  // Its sandbox does not start for root, nor in most containers. It sees nothing but the tests' own pages.
  return chromium.launch({ executablePath: stdout.trim(), args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}
