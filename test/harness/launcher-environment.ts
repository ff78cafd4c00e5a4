/**
 * What a program of `bin/` is given where a test says its whole environment. Without a home it reads nobody's profiles, and
 * would compile all its modules anew at every start: half its processor time.
 */
export function launcherEnvironment(): Readonly<Record<string, string>> {
  const compiled = process.env['NODE_COMPILE_CACHE']
  return {
    PATH: process.env['PATH'] ?? '',
    ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled }),
  }
}
