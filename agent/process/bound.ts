/**
 * What the shell checks before it becomes the program: that its parent still is the agent. One that died
 * between the fork and setpriv's prctl sends no death signal, and the child would outlive it unseen.
 */
const parentLives = '[ "$PPID" = "$1" ] || exit 126; shift; exec "$@"'

/**
 * The command line that binds a program's life to this process (architecture §7): the kernel kills it when
 * the thread that spawned it ends, so only ever from the main thread. The script is constant; program and
 * arguments pass through it as they are.
 *
 * @param setpriv absolute path of `setpriv`
 * @param through programs that start it, each becoming the next: `nice`, `ionice`
 */
export function boundToUs(
  setpriv: string,
  program: string,
  args: readonly string[],
  through: readonly string[] = [],
): { readonly file: string; readonly args: string[] } {
  const shell = ['/bin/sh', '-c', parentLives, 'sh', String(process.pid)]
  return { file: setpriv, args: ['--pdeathsig', 'KILL', '--', ...shell, ...through, program, ...args] }
}

/** Whether stderr says that the program could not be started at all; 126 and 127 alone may be its own. */
export function saysNotStarted(stderr: string): boolean {
  return /^((setpriv|nice|ionice): |sh: (line )?\d+: exec: )/.test(stderr)
}
