using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Easel.Server.Tests.Support;
using Easel.Tests.Fuzzing;

// Easel.Fuzz [cases] [seed] [reader...]: damages what the readers of Easel read and has them read it, all readers in turn or those named. Exits with 1 at the
// first case that a reader answers with anything but what was read or a sentence that refuses it, or that takes too much memory or too long: 256 MiB that are
// managed, 512 MiB of the whole process, 5 seconds. The case is kept in tests/Easel.Fuzz/crashes, by its reader's name; so is one that ends the process.
// Easel.Fuzz replay FILE...: reads kept cases again.
string Folder(string key) =>
    Path.GetFullPath(typeof(FuzzedReader).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!);

if (args is ["replay", .. var files])
{
    using var known = new FuzzedReaders(Folder("Goldens"), 1);
    using var sent = Bodies();
    var faults = 0;
    foreach (var file in files)
    {
        var reader = known.All.Append(sent.Reader).Single(row => Path.GetFileName(file).StartsWith(row.Name + "-", StringComparison.Ordinal));
        var (isRead, fault) = reader.Try(File.ReadAllBytes(file));
        Console.WriteLine($"{file}: {fault ?? (isRead ? "read" : "refused")}");
        if (fault is not null) faults++;
    }
    return faults == 0 ? 0 : 1;
}

var cases = args.Length > 0 ? long.Parse(args[0], CultureInfo.InvariantCulture) : 1_000_000;
var seed = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1;
var crashes = Folder("Crashes");
Directory.CreateDirectory(crashes);
using var all = new FuzzedReaders(Folder("Goldens"), seed);
using var bodies = Bodies();
var table = all.All.Append(bodies.Reader).ToList();
var readers = table.Where(reader => args.Length <= 2 || args.AsSpan(2).Contains(reader.Name)).ToList();
if (readers.Count < Math.Max(1, args.Length - 2))
{
    Console.Error.WriteLine($"The readers are {string.Join(", ", table.Select(reader => reader.Name))}.");
    return 2;
}

// The running case is written down before it is read: if it ends the process, it is there.
var running = readers.ToDictionary(reader => reader.Name, reader => Path.Combine(crashes, $"{reader.Name}-{seed}-{Environment.ProcessId}.case"));
var (watch, damage, current, began) = (Stopwatch.StartNew(), new Damage(seed), "", long.MaxValue);
using var watchdog = new Timer(_ =>
{
    if (watch.ElapsedMilliseconds - Interlocked.Read(ref began) < 12 * FuzzedReader.MostMilliseconds) return; // a minute of the clock
    Console.Error.WriteLine($"a case of seed {seed} does not end; it is kept in {current}");
    Environment.Exit(1);
}, null, 1000, 1000);

// What libtorch and the codecs take is not managed, and shows only in the process.
const long MostOfProcess = 512L << 20;
var (resident, peak) = Memory();

var (opened, perReader) = (0L, new long[readers.Count]);
for (long done = 0; done < cases; done++)
{
    var at = (int)(done % readers.Count);
    var reader = readers[at];
    var bytes = reader.Next(damage);
    current = running[reader.Name];
    using (var file = new FileStream(current, FileMode.Create, FileAccess.Write, FileShare.Read, 0)) file.Write(bytes);
    Interlocked.Exchange(ref began, watch.ElapsedMilliseconds);
    var (isRead, fault) = reader.Try(bytes);
    Interlocked.Exchange(ref began, long.MaxValue);
    var memory = Memory();
    if (memory.Peak > resident + MostOfProcess && memory.Peak > peak) fault ??= $"took {memory.Peak - resident >> 20} MiB of the process";
    (resident, peak) = (memory.Now, memory.Peak);
    if (fault is not null)
    {
        Console.Error.WriteLine($"case {done} of seed {seed}, kept in {current}: {fault}");
        foreach (var other in running.Values.Where(path => path != current)) File.Delete(other);
        return 1;
    }
    if (isRead) (opened, perReader[at]) = (opened + 1, perReader[at] + 1);
    if ((done + 1) % 10_000 == 0) Console.WriteLine($"{done + 1} cases, {opened} read, {watch.Elapsed.TotalSeconds:f0} s");
}
foreach (var path in running.Values) File.Delete(path);
Console.WriteLine($"{cases} cases of seed {seed}: {opened} read, {cases - opened} refused, none surprised; {watch.Elapsed.TotalSeconds:f0} s. Read of each: "
    + string.Join(", ", readers.Select((reader, i) => $"{reader.Name} {perReader[i]}")));
return 0;

FuzzedBodies Bodies() => new(Path.Combine(Folder("Goldens"), "layouts", "diffusers-sd1-micro"),
    Path.Combine(Path.GetTempPath(), $"easel-fuzz-{Guid.NewGuid():N}"));

// The memory of the process now and at its most, in bytes; 0 where the system does not tell it so.
static (long Now, long Peak) Memory()
{
    if (!OperatingSystem.IsLinux()) return (0, 0);
    var lines = File.ReadAllLines("/proc/self/status");
    return (Of("VmRSS:"), Of("VmHWM:"));

    long Of(string name) => long.Parse(lines.First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Replace("kB", ""),
        CultureInfo.InvariantCulture) << 10;
}
