import { id, longName, wideName } from './seed.ts'

const orders = 'orders-db/orders'
const job = (n: number) => id('job', n)

/**
 * What is run of each command for its golden file, against the fleet of `seed.ts`; words with blanks stand in double
 * quotes. The key is the command's path. Show the usual answer, and what is likely to be too wide or to be refused.
 */
export const scenes: Readonly<Record<string, readonly string[]>> = {
  status: ['status'],
  'gap list': ['gap list', 'gap list --reason nothing'],
  'database list': ['database list', 'database list --protection breached', 'database list --name nobody'],
  'database get': [
    `database get ${orders}`,
    `database get ${longName}`,
    `database get ${wideName}`,
    'database get nobody',
  ],
  'instance list': ['instance list', 'instance list --gone'],
  'cluster list': ['cluster list', 'cluster list --conflicts'],
  'cluster get': ['cluster get orders-db', `cluster get ${id('cluster', 2)}`],
  'agent list': ['agent list', 'agent list --state silent'],
  'agent get': ['agent get db-host-7', `agent get ${id('agent', 2)}`],
  'agent drain': ['agent drain db-host-7 --reason "kernel update"'],
  'agent undrain': ['agent undrain db-host-7'],
  'job list': ['job list', 'job list --state failed', 'job list --limit 2', 'job list --kind delete'],
  'job get': [
    `job get ${job(1)}`,
    `job get ${job(2)}`,
    `job get ${job(3)}`,
    `job get ${job(4)}`,
    'job get job_1',
  ],
  'job start': ['job start scratch --reason "before the migration"'],
  'job cancel': [`job cancel ${job(3)} --reason "wrong database"`],
  'job explain': [`job explain ${job(2)}`],
  plan: ['plan --for 8h'],
  'policy list': ['policy list'],
  'policy get': [
    'policy get',
    'policy get everything',
    'policy get nobody',
    `policy get --effective ${orders}`,
    'policy get --revision 9',
  ],
  'policy validate': [
    'policy validate test/cli/golden/policies.yaml',
    'policy validate test/cli/golden/policies-broken.yaml',
  ],
  'policy diff': [
    'policy diff test/cli/golden/policies.yaml',
    'policy diff test/cli/golden/policies-broken.yaml',
  ],
  'policy apply': [
    'policy apply test/cli/golden/policies-broken.yaml',
    'policy apply test/cli/golden/policies.yaml --reason CHG-91',
    'policy apply --from-configuration --revision 1',
  ],
  'pause database': [`pause database ${orders} --for 4h --reason "storage moves"`],
  'pause host': ['pause host db-host-7 --reason "storage moves"'],
  'pause site': ['pause site ams --for 4h --reason "storage moves"'],
  'pause fleet': ['pause fleet --for 30m --reason "storage moves"'],
  'pause list': ['pause list'],
  'resume database': [`resume database ${orders}`],
  'resume host': ['resume host db-host-7'],
  'resume site': ['resume site ams'],
  'resume fleet': ['resume fleet'],
  'backup list': ['backup list', `backup list --database ${orders}`],
  'backup get': [`backup get ${id('backup', 1)}`, `backup get ${id('backup', 3)}`],
  'backup start': [`backup start ${wideName} --reason "by hand"`],
  'backup copy': [`backup copy ${id('backup', 3)} --to nowhere --reason "second region"`],
  'restore start': [`restore start --backup ${id('backup', 1)} --into orders_copy --reason rehearsal`],
  'report sizes': ['report sizes', 'report sizes --sort growth --since 10d', 'report sizes --sort weight'],
  'report durations': ['report durations', 'report durations --sort outgrows -o csv'],
  'alert list': ['alert list', 'alert list --state resolved'],
  'alert get': [`alert get ${id('alert', 1)}`],
  'alert ack': [`alert ack ${id('alert', 1)} --reason "disk ordered"`],
  'alert silence': ['alert silence --datacenter ams --for 4h --reason "power works"'],
  'alert silences': ['alert silences'],
  'alert unsilence': [`alert unsilence ${id('silence', 1)}`],
  'alert test': ['alert test --channel nobody'],
  'audit list': ['audit list', 'audit list --action job.cancel --since 1d'],
  'audit export': ['audit export --since 1d', 'audit export --format csv --action job.cancel'],
  'audit verify': ['audit verify'],
  version: ['version', 'version --client'],
}
