/** What the program's exit says. */
export const EXIT = {
  ok: 0,
  failed: 1,
  /** The call was wrong: an unknown option, a bad value, no database named. */
  usage: 2,
  /** A check found the system in a bad state. */
  unhealthy: 3,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
