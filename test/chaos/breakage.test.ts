/** Who is told to die: one of those who can be hit when somebody is looked for, not of those who could be before. */
import { expect, test } from 'vitest'
import { Breakage } from '../../chaos/faults/breakage.js'
import type { ChaosProcess, Exit } from '../../chaos/processes/chaos-process.js'
import { Slot } from '../../chaos/processes/slot.js'

interface Told {
  readonly kind: string
  readonly point?: string | undefined
}

/** A slot of processes that are none: they are ready at once, and die when they are told a point that they come to. */
function slotOf(name: string, comesTo: readonly string[]): { readonly slot: Slot; readonly told: Told[]; runs: number } {
  const told: Told[] = []
  const made = { told, runs: 0, slot: new Slot({
    name, onKilled: () => undefined, onFailure: (error) => expect.unreachable(error.message),
    spawn: (run) => {
      made.runs = run
      let die: (exit: Exit) => void = () => undefined
      const exited = new Promise<Exit>((resolve) => { die = resolve })
      const process = {
        name, exited, ready: Promise.resolve(undefined),
        send: (command: Told) => {
          told.push(command)
          if (comesTo.includes(command.point ?? '')) die({ at: 0, code: null, signal: 'SIGKILL', stderr: '' })
        },
      }
      return process as Partial<ChaosProcess> as ChaosProcess
    },
  }) }
  return made
}

const breakage = (): Breakage => new Breakage({ journal: { write: () => undefined }, server: undefined })

test('while nobody can be hit it waits for who can', async () => {
  const [idle, late] = [slotOf('idle', ['p']), slotOf('late', ['p'])]
  await Promise.all([idle.slot.start(), late.slot.start()])
  let active: readonly Slot[] = []
  const faults = breakage()
  const dying = faults.dieAt(() => active, 0, 'p')
  await new Promise((resolve) => { setTimeout(resolve, 50) })
  expect([idle.runs, late.runs]).toEqual([1, 1])
  active = [late.slot]
  await dying
  expect([idle.runs, late.runs, faults.counts.missed]).toEqual([1, 2, 0])
})

test('who cannot be hit any more is told so, and the one that can is told instead', async () => {
  const [former, next] = [slotOf('former', []), slotOf('next', ['p'])]
  await Promise.all([former.slot.start(), next.slot.start()])
  let active = [former.slot]
  const faults = breakage()
  const dying = faults.dieAt(() => active, 0, 'p')
  await expect.poll(() => former.told).toEqual([{ kind: 'arm', point: 'p' }])
  active = [next.slot]
  await dying
  expect(former.told).toEqual([{ kind: 'arm', point: 'p' }, { kind: 'arm', point: undefined }])
  expect([former.runs, next.runs, faults.counts.missed]).toEqual([1, 2, 0])
})
