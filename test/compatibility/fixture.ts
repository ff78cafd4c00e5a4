import { cpSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the files lie that earlier commits wrote. */
export const fixtures = join(import.meta.dirname, 'fixtures')

/** Copies a folder of them, so that no test writes into what is committed. */
export function copyFixture(name: string, to: string): void {
  cpSync(join(fixtures, name), to, { recursive: true })
}

/** Every manifest that lies in a fixture, by path: written by version 1 of the format. */
export function fixtureManifests(): readonly (readonly [path: string, bytes: Buffer])[] {
  return globSync('**/v1/manifests/**/*.json', { cwd: fixtures })
    .sort()
    .map(path => [path, readFileSync(join(fixtures, path))] as const)
}
