import { execFile } from 'node:child_process'
import { childEnvironment } from './environment.ts'

/** Everything a program says to `--version`, stdout before stderr; whatever becomes of it. */
export function saidOfVersion(path: string): Promise<string> {
  return new Promise(resolve => {
    const options = {
      timeout: 10_000,
      env: childEnvironment(),
      maxBuffer: 64 * 1024,
      encoding: 'utf8',
    } as const
    const child = execFile(path, ['--version'], options, (_error, stdout, stderr) =>
      resolve(`${stdout}\n${stderr}`),
    )
    child.stdin?.on('error', () => {}) // it may be gone before its empty input is
    child.stdin?.end()
  })
}
