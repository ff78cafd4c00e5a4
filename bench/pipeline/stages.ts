import type { Subject } from './subject.ts'
import type { World } from './world.ts'

const nothingElse = 'alone, no encryption, no census, no TLS'

/** What a stage reads. */
type Food = 'raw' | 'stored' | 'nothing'

/** Each stage of the data path by itself, fed from the page cache. Once each: they explain, they are not judged. */
export const stages: readonly Subject[] = [
  stage('stage-dump', 'nothing', 'pg_dump -Fc -Z0 > /dev/null'),
  stage('stage-meter', 'raw', 'cat "$1" | pv -n -b -i 1 2> /dev/null | cat > /dev/null'),
  stage('stage-pipe', 'raw', 'cat "$1" | cat | cat > /dev/null', 'the meter with cat in its place'),
  stage('stage-zstd-1', 'raw', 'zstd -1 -T0 -q -c < "$1" > /dev/null'),
  stage('stage-zstd-3', 'raw', 'zstd -3 -T0 -q -c < "$1" > /dev/null'),
  stage('stage-zstd-3-single', 'raw', 'zstd -3 --single-thread -q -c < "$1" > /dev/null'),
  stage('stage-gzip-6', 'raw', 'gzip -6 -c < "$1" > /dev/null'),
  stage('stage-sha256', 'stored', 'openssl dgst -sha256 "$1" > /dev/null'),
  {
    ...stage(
      'stage-age',
      'stored',
      'age -r age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p < "$1" > /dev/null',
    ),
    impossible: world => world.tools.missing.get('age'),
  },
  stage('stage-zstd-decode', 'stored', 'zstd -d -q -c < "$1" > /dev/null'),
  {
    ...stage('stage-pg-restore', 'raw', 'pg_restore --exit-on-error -d "$2" < "$1"'),
    run: async world => {
      const into = world.fresh('restored').replace('-', '_')
      await world.postgres.createDatabase(into)
      const outcome = await alone(world, 'raw', 'pg_restore --exit-on-error -d "$2" < "$1"', [into])
      await world.postgres.psql(`DROP DATABASE ${into}`)
      return { ...outcome, conditions: nothingElse }
    },
  },
]

function stage(name: string, food: Food, text: string, conditions = nothingElse): Subject {
  return {
    name,
    needsS3: false,
    databases: ['mixed'],
    mostRounds: 1,
    run: async world => ({ ...(await alone(world, food, text)), conditions }),
  }
}

async function alone(world: World, food: Food, text: string, more: readonly string[] = []) {
  const { path, stored, bytes } = await world.raw()
  const words = food === 'nothing' ? [] : [food === 'raw' ? path : stored]
  return {
    cost: await world.measure({ text, words: [...words, ...more], env: world.environment('sink') }),
    rawBytes: bytes,
  }
}
