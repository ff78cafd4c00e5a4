/**
 * Makes every file that is made from another one: code from the contract, reference pages from the registries.
 * `npm run gen` writes them; `npm run gen:check` makes them again in a temporary folder and fails on a difference.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { errorsPage } from './errors-page.ts'
import { manifestJsonSchema } from './manifest-json-schema.ts'

const root = join(import.meta.dirname, '..')
/** Folders whose every file is generated. */
const generatedFolders = ['shared/wire/gen', 'docs/reference']

function generateInto(folder: string): void {
  const buf = spawnSync(join(root, 'node_modules/.bin/buf'), ['generate', '-o', folder], {
    cwd: root,
    stdio: 'inherit',
  })
  if (buf.status !== 0) throw new Error(`buf generate ended with ${buf.status ?? buf.signal}`)
  write(join(folder, 'docs/reference/errors.md'), errorsPage())
  write(join(folder, 'docs/reference/manifest-v1.schema.json'), manifestJsonSchema())
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function filesOf(base: string): readonly string[] {
  return generatedFolders
    .filter(folder => existsSync(join(base, folder)))
    .flatMap(folder =>
      readdirSync(join(base, folder), { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(entry => join(entry.parentPath, entry.name).slice(base.length + 1)),
    )
}

function differences(fresh: string): readonly string[] {
  const read = (base: string, file: string) =>
    existsSync(join(base, file)) ? readFileSync(join(base, file), 'utf8') : undefined
  return [...new Set([...filesOf(fresh), ...filesOf(root)])]
    .filter(file => read(fresh, file) !== read(root, file))
    .sort()
}

function main(): void {
  const fresh = mkdtempSync(join(tmpdir(), 'holdfast-generate-'))
  try {
    generateInto(fresh)
    if (process.argv.includes('--check')) {
      const stale = differences(fresh)
      if (stale.length > 0) {
        console.error(
          `generated files are out of date: ${stale.join(', ')}\nRun \`npm run gen\` and commit what it writes.`,
        )
        process.exitCode = 1
      }
      return
    }
    for (const folder of generatedFolders) {
      rmSync(join(root, folder), { recursive: true, force: true })
      cpSync(join(fresh, folder), join(root, folder), { recursive: true })
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

main()
