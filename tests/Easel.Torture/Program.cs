using Easel.Server.Tests.Support;
using Easel.Torture;

// Easel.Torture [kills] [jobs] [seed]: kills the server at random moments while it draws, takes jobs in, deletes and rebuilds, with a clock that jumps and
// other servers over the same folder; then fills its disk, where a small one can be mounted; then draws many jobs in a heap and a control group with a limit.
// Exits with 1 where a job is lost or done twice, a file is half there, or the process grows. CI runs a small form; the full one is: Easel.Torture 200 1000.
// Easel.Torture farm [kills] [jobs] [pulled cables] [seed] does the like to a server, four workers and their broker; cluster in place of farm does it with
// three brokers in a cluster.
if (args is ["serve", var served, var clock])
{
    try
    {
        await Host.Serve(served, int.TryParse(clock, CultureInfo.InvariantCulture, out var jumps) ? jumps : null);
        return 0;
    }
    catch (Easel.EaselException e)
    {
        Console.Error.WriteLine(e.Message);
        return 2;
    }
}
if (args is ["serve-farm", var farmFolder, var farmUrl, var farmCopies])
{
    await Host.ServeFarm(farmFolder, farmUrl, int.Parse(farmCopies, CultureInfo.InvariantCulture));
    return 0;
}
if (args is ["work", var workUrl, var workName])
{
    await Host.Work(workUrl, workName);
    return 0;
}
if (args is ["farm" or "cluster", ..])
{
    if (Broker.Program is null)
    {
        Console.WriteLine("a farm: not tried, for there is no nats-server on this machine");
        return 0;
    }
    var farmRoot = Directory.CreateTempSubdirectory("easel-torture-").FullName;
    var (farmKills, farmJobs, farmPulls, farmSeed) = (Number(1, 40), Number(2, 500), Number(3, 10), Number(4, 1));
    try
    {
        await new FarmOrdeal(farmRoot, farmSeed).Run(farmKills, farmJobs, farmPulls, args[0] == "cluster");
        return 0;
    }
    catch (InvalidOperationException e)
    {
        Console.Error.WriteLine($"seed {farmSeed}, in {farmRoot}: {e.Message}");
        return 1;
    }
}
if (args is ["rebuild", var rebuilt])
{
    Host.Rebuild(rebuilt);
    return 0;
}

var (kills, jobs, seed) = (Number(0, 200), Number(1, 1000), Number(2, 1));
var root = Directory.CreateTempSubdirectory("easel-torture-").FullName;
var watch = Stopwatch.StartNew();
try
{
    await new Ordeal(Path.Combine(root, "kills"), seed).Kills(kills, jobs);
    Console.WriteLine($"{kills} kills over {jobs} jobs: each done once, no file half there; {watch.Elapsed.TotalSeconds:f0} s");
    var small = Directory.CreateDirectory(Path.Combine(root, "small")).FullName;
    if (OtherProgram.Does("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small))
    {
        try
        {
            await new Ordeal(small, seed).FullDisk();
            Console.WriteLine($"a full disk: told, and all goes on when there is room; {watch.Elapsed.TotalSeconds:f0} s");
        }
        finally
        {
            OtherProgram.Does("umount", small);
        }
    }
    else Console.WriteLine("a full disk: not tried, for no small disk can be mounted here");
    await new Ordeal(Path.Combine(root, "flat"), seed).Flat(Math.Max(100, jobs));
    return 0;
}
catch (InvalidOperationException e)
{
    Console.Error.WriteLine($"seed {seed}, in {root}: {e.Message}");
    return 1;
}

int Number(int place, int otherwise) => args.Length > place ? int.Parse(args[place], CultureInfo.InvariantCulture) : otherwise;
