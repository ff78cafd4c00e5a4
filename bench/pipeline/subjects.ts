import { availableParallelism } from 'node:os'
import { manifestConditions } from './conditions.ts'
import { bucket } from './names.ts'
import { type OurBackup, ourBackup, ourRestore } from './our-side.ts'
import { stages } from './stages.ts'
import type { Course, Subject } from './subject.ts'
import { uploaders } from './uploaders.ts'
import type { World } from './world.ts'

const jobs = availableParallelism()
const plain = 'no encryption, no census, no TLS'

/** The best that people pipe together. */
const bestShell = 'pg_dump -Fc -Z0 | zstd -3 -T0 -q | aws s3 cp --only-show-errors - "$1"'

/** A recipient whose identity nobody here needs, since what is encrypted to it is thrown away: the one of age's own manual. */
const recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'

const shellToS3 = shellBackup('shell-s3', 's3', bestShell, 'zstd -3 -T0')
const oursToS3 = ours('ours-s3', { store: 's3', database: 'mixed' })

/** Every subject, in the order of a round. */
export const subjects: readonly Subject[] = [
  shellBackup(
    'script-s3',
    's3',
    'pg_dump -Fc --compress=9 > "$TMPDIR/script.dump"; aws s3 cp --only-show-errors "$TMPDIR/script.dump" "$1"; rm "$TMPDIR/script.dump"',
    'gzip -9, a file between',
  ),
  shellBackup('gzip-s3', 's3', 'pg_dump -Fc -Z6 | aws s3 cp --only-show-errors - "$1"', 'gzip -6'),
  shellToS3,
  oursToS3,
  shellBackup('shell-sink', 'sink', bestShell, 'zstd -3 -T0'),
  ours('ours-sink', { store: 'sink', database: 'mixed' }),
  ours('ours-sink-encrypted', { store: 'sink', database: 'mixed', recipient }),
  shellBackup('shell-far', 'far', bestShell, 'zstd -3 -T0'),
  ours('ours-far', { store: 'far', database: 'mixed' }),
  {
    name: 'directory',
    needsS3: false,
    databases: ['mixed'],
    run: async world => ({
      cost: await world.measure({
        text: `pg_dump -Fd -j${jobs} -Z0 -f "$1"`,
        words: [`${world.folder}/${world.fresh('directory')}`],
        env: world.environment('sink'),
      }),
      rawBytes: (await world.raw()).bytes,
      conditions: `-j${jobs}, uncompressed, local disk, ${plain}`,
    }),
  },
  // the shell's own level, and the level that is our default: each against its like
  ours('ours-sink-level-3', { store: 'sink', database: 'mixed', level: 3 }),
  {
    ...shellBackup('shell-sink-level-1', 'sink', bestShell.replace('zstd -3', 'zstd -1'), 'zstd -1 -T0'),
    mostRounds: 2,
  },
  { ...shellBackup('shell-one-table', 'sink', bestShell, 'zstd -3 -T0', 'one_table'), mostRounds: 2 },
  {
    ...ours('ours-one-table', { store: 'sink', database: 'one_table', streamsFrom: '1MiB', level: 3 }),
    mostRounds: 2,
  },
  {
    name: 'restore-shell',
    needsS3: true,
    databases: ['mixed'],
    run: async (world, course) => {
      if (course.shellKey === undefined) await shellToS3.run(world, course)
      const into = world.fresh('restored').replace('-', '_')
      await world.postgres.createDatabase(into)
      const cost = await world.measure({
        text: 'aws s3 cp --only-show-errors "$1" - | zstd -d -q | pg_restore --exit-on-error -d "$2"',
        words: [course.shellKey ?? '', into],
        env: world.environment('s3'),
      })
      await world.postgres.psql(`DROP DATABASE ${into}`)
      return { cost, rawBytes: (await world.raw()).bytes, conditions: `zstd, 1 stream, no ANALYZE, ${plain}` }
    },
  },
  {
    name: 'restore-ours',
    needsS3: true,
    databases: ['mixed'],
    run: async (world, course) => {
      if (course.ourManifest === undefined) await oursToS3.run(world, course)
      const manifestUrl = course.ourManifest ?? ''
      const into = world.fresh('restored').replace('-', '_')
      const cost = await ourRestore(world, { store: 's3', manifestUrl, into })
      await world.postgres.psql(`DROP DATABASE ${into}`)
      const conditions = `with ANALYZE, ${await manifestConditions(world, 's3', manifestUrl)}`
      return { cost, rawBytes: (await world.raw()).bytes, conditions }
    },
  },
  memory('small'),
  memory('usual'),
  memory('large'),
  ...uploaders,
  ...stages,
]

function shellBackup(
  name: string,
  store: 's3' | 'sink' | 'far',
  text: string,
  conditions: string,
  database: 'mixed' | 'one_table' = 'mixed',
): Subject {
  return {
    name,
    needsS3: store === 's3',
    databases: [database],
    impossible: world => world.tools.missing.get('awscli'),
    run: async (world, course) => {
      const place = `s3://${bucket}/${world.fresh('shell')}`
      const cost = await world.measure({ text, words: [place], env: world.environment(store, database) })
      if (name === 'shell-s3') course.shellKey = place
      return { cost, rawBytes: (await world.raw()).bytes, conditions: `${conditions}, 1 stream, ${plain}` }
    },
  }
}

function ours(name: string, backup: OurBackup): Subject {
  return {
    name,
    needsS3: backup.store === 's3',
    databases: [backup.database],
    impossible: ({ flags }) =>
      backup.level !== undefined && !flags.codecLevel
        ? 'this agent has no --codec-level'
        : backup.recipient !== undefined && !flags.recipient
          ? 'this agent has no --recipient'
          : undefined,
    run: async (world, course) => backUp(name, backup, world, course),
  }
}

/** Much data, uncompressed, so that every byte goes through our process; encrypted where the agent can. */
function memory(size: 'small' | 'usual' | 'large'): Subject {
  const name = `memory-${size}`
  const database = `bulk_${size}` as const
  return {
    name,
    needsS3: false,
    databases: [database],
    run: async (world, course) => {
      // On disk these databases are small, and would go as one archive
      const flags = {
        ...(world.flags.recipient ? { recipient } : {}),
        ...(world.flags.streamsFrom ? { streamsFrom: '1MiB' } : {}),
      }
      return backUp(name, { store: 'sink', database, codec: 'none', ...flags }, world, course)
    },
  }
}

async function backUp(name: string, backup: OurBackup, world: World, course: Course) {
  const streams = course.streams === undefined ? {} : { streams: course.streams }
  const made = await ourBackup(world, { ...backup, ...streams })
  if (name === 'ours-s3') course.ourManifest = made.manifestUrl
  return {
    cost: made.cost,
    rawBytes: made.rawBytes,
    storedBytes: made.storedBytes,
    conditions: await manifestConditions(world, backup.store, made.manifestUrl),
  }
}
