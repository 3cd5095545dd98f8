using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using Easel;
using Easel.Benchmarks;
using Easel.Imaging;

// Speed and memory. All of it on models of full size with random weights, which are written once into the temporary folder.
//   dotnet run -c Release --project benchmarks/Easel.Benchmarks                the tables of docs/performance.md, one after another
//   ... -- networks [rounds]      how near the networks come to the processor's limit, beside libtorch's own layers
//   ... -- attention              attention alone
//   ... -- breakdown              where the time of a step goes
//   ... -- models                 load, step, decoding and peak memory of each kind of model, a process for each
//   ... -- sizes [steps]          the same over sizes and batches
//   ... -- control [rounds]       what a ControlNet adds to a step of Stable Diffusion 1
//   ... -- few [rounds]           whole runs in few steps, decoded by a tiny autoencoder, beside the limit of their steps
//   ... -- sd15|sd21|x4|sdxl fp32|bf16|fp16 [side] [steps] [batch]     one such row; for x4 the side is that of the small picture, drawn without guidance
//   ... -- fast MODEL [side] [steps] [pictures] [sampler]         what each level of --fast saves and costs (docs/fast.md)
//   ... -- precision [MODEL] [side] [steps]                       how far pictures in bf16 are from those in fp32
//   ... -- plan MODEL fp32|bf16|fp16 SIDE STEPS [limit in GB]     what --plan says, and what the run then takes
//   ... -- neighbours [MODEL] [side] [steps] [rounds]             drawings beside each other and beside a busy program (docs/performance.md)
//   ... -- server [jobs] [jobs between changes of model]          the server's tables, of docs/server.md
//   ... -- server-switch [changes]
//   ... -- farm [jobs] [workers] [seconds for a drawing]          a farm without models, of docs/farm.md; needs nats-server
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["server", ..])
{
    var tiny = typeof(RandomModel).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "TinyModel").Value!;
    await ServerLoad.Run(Path.GetFullPath(tiny), args.Length > 1 ? int.Parse(args[1]) : 500, args.Length > 2 ? int.Parse(args[2]) : 50);
    return;
}
if (args is ["farm", ..])
{
    await FarmLoad.Run(args.Length > 1 ? int.Parse(args[1]) : 100_000, args.Length > 2 ? int.Parse(args[2]) : 1000, args.Length > 3
        ? double.Parse(args[3]) : 5);
    return;
}
if (args is [FarmLoad.WorkersWord, var farmUrl, var farmWorkers, var farmSeconds])
{
    await FarmLoad.Work(farmUrl, int.Parse(farmWorkers), double.Parse(farmSeconds));
    return;
}
if (args is ["fast", ..])
{
    FastTable.Print(args[1..]);
    return;
}
if (args is ["neighbours", ..])
{
    Neighbours.Print(args[1..], Redirected);
    return;
}
if (args is [Neighbours.Draw, ..])
{
    Neighbours.DrawOne(args[1..]);
    return;
}
if (args is [Neighbours.Busy])
{
    Neighbours.BeBusy();
    return;
}
if (args is ["precision", ..])
{
    PrecisionTable.Print(args[1..]);
    return;
}
if (args is ["plan", ..])
{
    PlanCheck.Print(args[1..], PeakMemory);
    return;
}
if (args is ["networks", ..])
{
    SpeedTable.PrintNetworks(args.Length > 1 ? int.Parse(args[1]) : 5);
    return;
}
if (args is ["attention"])
{
    SpeedTable.PrintAttention();
    return;
}
if (args is ["control", ..])
{
    RunTable.PrintControl(args.Length > 1 ? int.Parse(args[1]) : 5);
    return;
}
if (args is ["few", ..])
{
    RunTable.PrintFew(args.Length > 1 ? int.Parse(args[1]) : 3);
    return;
}
if (args is ["breakdown"])
{
    SpeedTable.PrintBreakdown(Output);
    return;
}
if (args is ["breakdown-run", var ofPrecision])
{
    SpeedTable.RunForBreakdown(ofPrecision);
    return;
}
var half = Processor.HasBFloat16 ? "bf16" : "fp16";
if (args is ["models"])
{
    Rows([["sd15", "fp32", "512", "5"], ["sd15", half, "512", "5"], ["sd15", "q8", "512", "5"], ["sd15", "q4", "512", "5"], ["sd21", half, "768", "3"],
        ["x4", half, "128", "2"], ["sdxl", half, "1024", "3"], ["sdxl", "q8", "1024", "3"]]);
    return;
}
if (args is ["sizes", ..])
{
    var stepsEach = args.Length > 1 ? args[1] : "2";
    Rows(from size in (string[])["256", "512", "768", "1024"] from count in (string[])["1", "2", "4"] select (string[])["sd15", half, size, stepsEach, count]);
    return;
}
if (args.Length == 0)
{
    foreach (var table in (string[])["networks", "attention", "breakdown", "models", "sizes"])
    {
        Start([table]);
        Console.WriteLine();
    }
    return;
}

if (args is ["server-switch", ..])
{
    await ServerLoad.Switch(args.Length > 1 ? int.Parse(args[1]) : 8);
    return;
}

var (model, side, steps) = (args[0], args.Length > 2 ? int.Parse(args[2]) : 512, args.Length > 3 ? int.Parse(args[3]) : 5);
var batch = args.Length > 4 ? int.Parse(args[4]) : 1;
var folder = RandomModel.Folder(model);
foreach (var file in Directory.EnumerateFiles(folder, "*.safetensors", SearchOption.AllDirectories)) Warm(file);

var foreign = new ForeignLoad();
var clock = Stopwatch.StartNew();
using var generator = ImageGenerator.Load(folder, PrecisionTable.Loaded(args[1]));
var load = clock.Elapsed.TotalSeconds;

var stepTimes = new List<double>();
double decode = 0, last = 0;
var decoding = false;
clock.Restart();
var request = new GenerationRequest
{
    Prompt = "a hamster painting with a brush",
    Steps = steps,
    Sampler = "euler",
    Seed = 1,
    Watermark = false,
    BatchSize = batch
};
generator.Generate(
    model == "x4" ? request with { InitImage = new RgbImage(side, side), GuidanceScale = 1 } : request with { Width = side, Height = side },
    progress =>
    {
        var now = clock.Elapsed.TotalSeconds;
        if (progress.Stage == GenerationStage.Sampling) stepTimes.Add(now - last);
        if (progress.Stage == GenerationStage.Decoding && decoding) return; // it began before
        decoding = progress.Stage == GenerationStage.Decoding;
        last = now;
    });
decode = clock.Elapsed.TotalSeconds - last;
if (stepTimes.Count > 1) stepTimes.RemoveAt(0); // includes the text encoder and the first touch of all memory
stepTimes.Sort();
Console.WriteLine($"| {model} | {args[1]} | {side}x{side}{(batch > 1 ? $", {batch} at once" : "")} | {load:0.0} | {stepTimes[0]:0.00} "
    + $"({stepTimes[stepTimes.Count / 2]:0.00}) | {decode:0.0} | {PeakMemory() / (double)(1 << 30):0.00} | {foreign.Share():0%} |");

static void Warm(string file)
{
    var buffer = new byte[1 << 20];
    using var stream = File.OpenRead(file);
    while (stream.Read(buffer) > 0) { }
}

static long PeakMemory()
{
    if (!OperatingSystem.IsLinux()) return Process.GetCurrentProcess().PeakWorkingSet64;
    var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
    return 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1]);
}

static void Rows(IEnumerable<string[]> rows)
{
    Console.WriteLine("| model | precision | picture | load s | s/step (guided), min (median) | decode s | peak RSS GiB | other processes' CPU |");
    Console.WriteLine("|---|---|---|---|---|---|---|---|");
    foreach (var row in rows) Start(row);
}

static void Start(string[] arguments)
{
    using var child = Process.Start(Environment.ProcessPath!, [.. AssemblyArgument(), .. arguments])!;
    child.WaitForExit();
}

static IEnumerable<string> Output(string[] arguments, Dictionary<string, string> environment)
{
    var start = new ProcessStartInfo(Environment.ProcessPath!, [.. AssemblyArgument(), .. arguments]) { RedirectStandardOutput = true };
    foreach (var (name, value) in environment) start.Environment[name] = value;
    using var child = Process.Start(start)!;
    while (child.StandardOutput.ReadLine() is { } line) yield return line;
    child.WaitForExit();
}

static Process Redirected(string[] arguments) =>
    Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. AssemblyArgument(), .. arguments]) { RedirectStandardOutput = true })!;

static string[] AssemblyArgument() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(RandomModel).Assembly.Location] : [];
