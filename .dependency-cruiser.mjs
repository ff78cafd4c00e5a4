/**
 * Who may import whom (architecture §14). Every rule says why in its comment; `test/house/imports.test.ts`
 * breaks each of them once and sees it bite. Needs the `typescript` of package.json (6): with a compiler it
 * does not know, dependency-cruiser cruises 0 modules and exits 0 (facts: the same test asserts more than 0).
 */

/** The records of the store are plain shapes, so that pure rooms may speak of them; they obey the same rule. */
const pureRooms =
  '^(coordinator/(jobs|policy|planner|protection|retention|trends|verification|alerts/rules)/|coordinator/store/records\\.ts$|shared/(model|errors|time)/)'
const outsideProduction = '^(test|demo|bench|scripts)/|^[^/]+\\.config\\.(ts|mjs)$'
const entryFiles = '^(cli/holdfast|agent/main|coordinator/main|bench/run|demo/run)\\.ts$'

/** One library lives in one room: [name, packages, where they may be imported]. */
const homes = [
  ['@aws-sdk', '@aws-sdk|@smithy|@aws-crypto', '^(shared/object-store|shared/secrets|agent/encryption)/'],
  ['croner', 'croner', '^coordinator/policy/'],
  ['nodemailer', 'nodemailer|@types/nodemailer', '^coordinator/alerts/'],
  ['pg', 'pg|@types/pg|pg-protocol|pg-types', '^(coordinator/store|agent/engines)/'],
  ['kysely', 'kysely', '^coordinator/store/'],
  [
    'commander',
    'commander',
    '^cli/|^shared/command-line/|^(agent|coordinator)/(main\\.ts$|commands/)|^agent/standalone/',
  ],
  ['x509', '@peculiar/x509|reflect-metadata', '^shared/tls/'],
  ['consul', 'consul|papi', '^shared/discovery/'],
  ['grpc', '@grpc|grpc-health-check', '^(shared/wire|coordinator/rpc|agent/link|cli)/'],
  ['protobuf', '@bufbuild/protobuf', '^shared/wire/'],
  ['execa', 'execa', '^agent/(process|engines)/'],
  ['pino', 'pino', '^shared/log/'],
  ['prom-client', 'prom-client', '^shared/metrics/'],
  ['yaml', 'yaml', '^shared/config/'],
  ['uuid', 'uuid', '^shared/clock/'],
  ['string-width', 'string-width', '^cli/'],
]

/** The same for what Node brings. */
const builtins = [
  // the coordinator runs none but the commands that give secrets, and `logger`: Node cannot write to /dev/log
  [
    'child_process',
    '^agent/(process|engines)/|^shared/secrets/command\\.ts$|^coordinator/audit/ship/logger-program\\.ts$',
  ],
  // the agent's only use of it is the lock on its state folder: `begin exclusive` needs no flock and ends with the process
  ['sqlite', '^coordinator/store/|^agent/identity/state-lock\\.ts$'],
]

const oneRoom = (name, room, to) => ({
  name: `one-room-${name.replace('@', '')}`,
  comment: `${name} is wrapped once: import the room that owns it, not the library. A change of library then touches one room.`,
  severity: 'error',
  from: { pathNot: [room, outsideProduction] },
  to,
})

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'programs-stay-apart',
      comment:
        'coordinator, agent and cli are three programs that may run at three versions: what they share is the contract and shared/, never code of each other.',
      severity: 'error',
      from: { path: '^(coordinator|agent|cli)/' },
      to: { path: '^(coordinator|agent|cli)/', pathNot: '^$1/' },
    },
    {
      name: 'shared-knows-no-program',
      comment: 'shared/ is imported by every program, so it can know none of them.',
      severity: 'error',
      from: { path: '^shared/' },
      to: { path: '^(coordinator|agent|cli)/' },
    },
    {
      name: 'pure-rooms-stay-pure',
      comment:
        'Pure rooms decide and do nothing: they import pure rooms, shared/{model,errors,time}, zod and croner. Hand in what they need as an argument; do the effect in a room around them.',
      severity: 'error',
      from: { path: pureRooms },
      to: { pathNot: [pureRooms, '(^|/)node_modules/(zod|croner)/'] },
    },
    {
      name: 'production-knows-no-tests',
      comment: 'What runs at a customer does not import tests, demo, benchmarks or build scripts.',
      severity: 'error',
      from: { pathNot: outsideProduction },
      to: { path: outsideProduction },
    },
    {
      name: 'declared-dependencies',
      comment:
        'Production imports only what package.json lists under dependencies: anything else is absent after `npm ci --omit=dev`.',
      severity: 'error',
      from: { pathNot: outsideProduction },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm', 'type-only'],
        pathNot: '(^|/)node_modules/@types/',
      },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere fails only when that line runs.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-cycles',
      comment: 'In a cycle nobody knows what is made first; the thing both need is a third file.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports and that imports nothing is dead, or misses its test.',
      severity: 'error',
      from: { orphan: true, pathNot: [entryFiles, outsideProduction, '^shared/wire/gen/'] },
      to: {},
    },
    ...homes.map(([name, library, room]) =>
      oneRoom(name, room, { path: `(^|/)node_modules/(${library})(/|$)`, dependencyTypesNot: ['core'] }),
    ),
    ...builtins.map(([name, room]) =>
      oneRoom(`node-${name}`, room, { path: `^(node:)?${name}$`, dependencyTypes: ['core'] }),
    ),
  ],
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json', '.d.ts'],
    },
    skipAnalysisNotInRules: false,
  },
}
