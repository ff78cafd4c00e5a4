import { join } from 'node:path'
import { projectRoot } from './project-root.ts'

/**
 * What a program of `bin/` is given where a test says its whole environment. Without a home it reads nobody's profiles, and
 * would compile all its modules anew at every start: half its processor time.
 */
export function launcherEnvironment(): Readonly<Record<string, string>> {
  return {
    PATH: process.env['PATH'] ?? '',
    NODE_COMPILE_CACHE:
      process.env['NODE_COMPILE_CACHE'] ?? join(projectRoot, 'node_modules/.cache/compiled'),
  }
}
