/**
 * The side of a child process: what it is told, what it tells, and that it never outlives its parent.
 *
 * Every child of a run speaks this: it says when it is ready, tells its counts ten times a second and a sample of its
 * heap and handles once a second, steps its clock when told to, and ends when told to.
 */
import { SteppedClock } from '../faults/stepped-clock.js'

export type Counts = Readonly<Record<string, number>>

/** What a process holds at a moment; a run of many of them shows what it leaks. */
export interface Sample {
  readonly heapBytes: number
  readonly handles: number
  readonly sockets: number
}

export type ChildReport =
  | { readonly kind: 'ready'; readonly port: number | undefined }
  | { readonly kind: 'counts'; readonly counts: Counts }
  | { readonly kind: 'sample'; readonly sample: Sample }

/** What every child understands; the others are its own. */
export type GeneralCommand =
  | { readonly kind: 'stop' }
  | { readonly kind: 'clock'; readonly offsetMs: number }

const COUNT_EVERY_MS = 100
const SAMPLE_EVERY_MS = 1_000

export interface Child<Settings, Command> {
  readonly settings: Settings
  /** Resolves when the parent says stop. */
  readonly stopped: Promise<void>
  onCommand(listener: (command: Command) => void): void
  /** The parent can now count on this child. */
  ready(counts: () => Counts, port?: number): void
  /** Tells the last counts and ends the process. */
  end(): void
}

export interface ChildSettings {
  /** How far the wall clock of the run's processes is from the system's. */
  readonly clockOffsetMs: number
}

export function startChild<Settings extends ChildSettings, Command extends { readonly kind: string }>():
Child<Settings, Command> {
  if (process.send === undefined) throw new Error('this program is started by `npm run chaos`')
  // Ctrl-C in a terminal reaches the children too; the parent decides what it means.
  process.on('SIGINT', () => undefined)
  process.on('disconnect', () => process.exit(1))
  const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
  const clock = new SteppedClock(settings.clockOffsetMs)
  // The channel may just have closed; then nobody listens, and `disconnect` ends this process.
  const tell = (report: ChildReport): void => void process.send?.(report, undefined, undefined, () => undefined)
  let tellCounts = (): void => undefined
  const timers: NodeJS.Timeout[] = []
  const listeners: ((command: Command) => void)[] = []
  const stopped = new Promise<void>((resolve) => {
    process.on('message', (message) => {
      const command = message as GeneralCommand | Command
      if (command.kind === 'stop') resolve()
      else if (command.kind === 'clock') clock.step((command as { offsetMs: number }).offsetMs)
      else for (const listener of listeners) listener(command as Command)
    })
  })
  return {
    settings,
    stopped,
    onCommand: (listener) => void listeners.push(listener),
    ready(counts, port) {
      tellCounts = () => tell({ kind: 'counts', counts: counts() })
      timers.push(
        setInterval(tellCounts, COUNT_EVERY_MS),
        setInterval(() => tell({ kind: 'sample', sample: takeSample() }), SAMPLE_EVERY_MS),
      )
      tell({ kind: 'ready', port })
    },
    end() {
      for (const timer of timers) clearInterval(timer)
      tellCounts()
      process.removeAllListeners('disconnect')
      process.disconnect()
      // What is left open, such as kept-alive connections, must not keep the process.
      setImmediate(() => process.exit(0))
    },
  }
}

function takeSample(): Sample {
  // Without it the heap shows when garbage was collected last, and no slope means anything.
  globalThis.gc?.()
  const resources = process.getActiveResourcesInfo()
  return {
    heapBytes: process.memoryUsage().heapUsed,
    handles: resources.length,
    sockets: resources.filter((name) => name === 'TCPSocketWrap').length,
  }
}
