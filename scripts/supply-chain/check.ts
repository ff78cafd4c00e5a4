/**
 * What is not ours, checked: hashes, licences and install scripts by the lock file, then known advisories of what
 * goes to customers. Exits 1 on a finding. A registry without advisories is said loudly and is no finding: it
 * says nothing about the packages.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { judgeAdvisories } from './judge-advisories.ts'
import { judgeLock, type LockedPackage } from './judge-lock.ts'

const root = join(import.meta.dirname, '../..')

function main(): void {
  const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8')) as unknown
  const lock = read('package-lock.json') as { readonly packages: Readonly<Record<string, LockedPackage>> }
  const manifest = read('package.json') as { readonly allowScripts: Readonly<Record<string, boolean>> }
  const problems = [...judgeLock(lock.packages, manifest.allowScripts)]
  const audit = spawnSync(
    'npm',
    ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=20000'],
    {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
    },
  )
  const advisories = judgeAdvisories(audit.stdout)
  if (advisories.kind === 'found')
    problems.push(
      ...advisories.packages.map(each => `a known vulnerability in ${each}: npm audit --omit=dev`),
    )
  if (advisories.kind === 'unknown') process.stdout.write(`ADVISORIES NOT CHECKED: ${advisories.why}\n`)
  for (const each of problems) process.stderr.write(`${each}\n`)
  if (problems.length > 0) process.exitCode = 1
  else
    process.stdout.write(
      `${Object.keys(lock.packages).length - 1} packages: hashes, licences and scripts as agreed\n`,
    )
}

main()
