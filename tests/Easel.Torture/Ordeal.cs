using System.Net.Sockets;
using System.Text.Json;
using Easel.Imaging;
using Easel.Server.Storage;

namespace Easel.Torture;

/// <summary>What the server must bear: to be killed at any moment, whatever it does; a clock that jumps; another server over the same folder; a full
/// disk.</summary>
internal sealed class Ordeal(string folder, int seed)
{
    private const long CellBytes = 512L << 20;

    private readonly Random _random = new(seed);
    private readonly HashSet<string> _promised = [];
    private int _asked;

    /// <summary>Kills the server again and again while it draws, takes jobs in, deletes pictures and brings them back; then every job must have been done
    /// once.</summary>
    public async Task Kills(int kills, int jobs)
    {
        for (var kill = 0; kill < kills; kill++)
        {
            using (var server = Child.Serve(folder, clockSeed: _random.Next(4) == 0 ? _random.Next() : null))
            {
                if (kill % 20 == 0) SecondIsRefused();
                var work = Work(server, jobs * (kill + 1) / kills);
                await Task.Delay(_random.Next(5, 250));
                server.Kill();
                await work;
            }
            if (_random.Next(5) == 0) await KilledRebuild();
        }
        using (var server = Child.Serve(folder))
        {
            await Submit(server, jobs);
            await Drained(server);
        }
        await Check(jobs, kills);
    }

    /// <summary>Many jobs one after the other, where memory has a limit: the process must not grow, nor be ended for what it takes.</summary>
    public async Task Flat(int jobs)
    {
        using var cell = MemoryCell.Make(CellBytes);
        if (cell is null) Console.WriteLine("no control group for memory can be made here: the heap alone is held to its limit");
        using var server = Child.Serve(folder, heapLimit: "0x8000000", cell: cell); // 128 MB
        long early = 0;
        for (var done = 0; done < jobs; done += jobs / 10)
        {
            for (var i = 0; i < jobs / 10; i++) await Post(server);
            await Drained(server);
            if (done == jobs / 10 * 2) early = server.Memory;
        }
        var late = server.Memory;
        server.Kill(); // the group is not empty before
        Console.WriteLine($"{jobs} jobs: {early >> 20} MB after three tenths of them, {late >> 20} MB at the end"
            + (cell is null ? "" : $"; at most {cell.Peak >> 20} MB of the {CellBytes >> 20} MB of its control group, the files' pages among them"));
        Require(late < early + (96 << 20), $"the process grew from {early >> 20} to {late >> 20} MB over {jobs} jobs");
        Require(cell is null || cell.Killed == 0, "the kernel ended a process for what it took");
    }

    /// <summary>A disk that fills up: what cannot be kept is told, nothing is half there, and when there is room again all goes on.</summary>
    public async Task FullDisk()
    {
        using var server = Child.Serve(folder);
        var filler = Path.Combine(folder, "filler");
        for (var round = 0; round < 8; round++)
        {
            Fill(filler, leave: _random.Next(0, 300_000));
            for (var i = 0; i < 30; i++)
            {
                using var answer = await server.Client.PostAsJsonAsync("api/jobs", Job());
                Require((int)answer.StatusCode is 201 or 507, $"a full disk was answered with {answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
            }
            await Drained(server);
            File.Delete(filler);
            Require(!server.HasEnded, "the server ended when the disk was full");
        }
        var id = await Post(server) ?? throw new InvalidOperationException("no job is taken in after the disk was full");
        await Drained(server);
        var job = await server.Client.GetFromJsonAsync<JsonElement>($"api/jobs/{id}");
        Require(job.GetProperty("state").GetString() == "done", $"after the disk was full a job fails: {job}");
        server.Kill();
        CheckFiles();
    }

    private static void Fill(string filler, int leave)
    {
        var room = new DriveInfo(Path.GetDirectoryName(filler)!).AvailableFreeSpace - leave;
        using var file = File.Create(filler);
        try
        {
            var block = new byte[4096];
            for (; room > 0; room -= block.Length) file.Write(block);
        }
        catch (IOException)
        {
            // As full as it gets.
        }
    }

    private async Task Work(Child server, int until)
    {
        try
        {
            await Task.WhenAll(Submit(server, until), DeleteAndRestore(server));
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException or TaskCanceledException or JsonException)
        {
            // It was killed meanwhile; what was not promised is asked for again.
        }
    }

    private async Task Submit(Child server, int until)
    {
        while (_promised.Count < until)
            if (await Post(server) is { } id) _promised.Add(id);
    }

    private object Job() => new { request = new { prompt = $"a cat {_asked}", steps = 3, width = 64, height = 64, seed = _asked++ } };

    private async Task<string?> Post(Child server)
    {
        using var answer = await server.Client.PostAsJsonAsync("api/jobs", Job());
        return answer.IsSuccessStatusCode ? (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString() : null;
    }

    private async Task DeleteAndRestore(Child server)
    {
        while (true)
        {
            var listed = await server.Client.GetFromJsonAsync<JsonElement>($"api/pictures?count=5&deleted={(_random.Next(2) == 0 ? "true" : "false")}");
            foreach (var picture in listed.GetProperty("pictures").EnumerateArray())
            {
                var id = picture.GetProperty("id").GetString();
                using var answer = picture.TryGetProperty("deleted", out _) ? await server.Client.PostAsync($"api/pictures/{id}/restore", null)
                    : await server.Client.DeleteAsync($"api/pictures/{id}");
            }
            await Task.Delay(1);
        }
    }

    private static async Task Drained(Child server)
    {
        while ((await server.Client.GetFromJsonAsync<JsonElement>("api/jobs?count=1")).GetProperty("active").GetArrayLength() > 0) await Task.Delay(20);
    }

    private void SecondIsRefused()
    {
        try
        {
            Child.Serve(folder).Dispose();
        }
        catch (InvalidOperationException e) when (e.Message.Contains("Another easel", StringComparison.Ordinal))
        {
            return;
        }
        throw new InvalidOperationException("two servers work in one folder");
    }

    private async Task KilledRebuild()
    {
        using (var rebuild = Child.Rebuild(folder))
        {
            await Task.Delay(_random.Next(20, 400));
            if (!rebuild.HasEnded) rebuild.Kill();
        }
        using var again = Child.Rebuild(folder);
        Require(again.Wait(), "the index cannot be made anew after its making was killed");
    }

    private async Task Check(int jobs, int kills)
    {
        using (var server = Child.Serve(folder))
        {
            foreach (var id in _promised)
            {
                var job = await server.Client.GetFromJsonAsync<JsonElement>($"api/jobs/{id}");
                Require(job.GetProperty("state").GetString() == "done", $"a job that was promised is not done: {job}");
                var picture = await server.Client.GetFromJsonAsync<JsonElement>($"api/pictures/{id}-0000");
                Require(picture.GetProperty("job").GetString() == id, $"the picture of the job {id} is not known");
            }
            foreach (var deleted in (string[])["false", "true"])
                Require((await server.Client.GetFromJsonAsync<JsonElement>($"api/pictures?count=1&deleted={deleted}")).GetProperty("total").GetInt32()
                    == Files(deleted == "true").Count, "the index and the folder do not hold the same pictures");
            server.Kill();
        }
        var files = Files(trash: false).Concat(Files(trash: true)).Select(Path.GetFileName).ToList();
        Require(files.Count == files.Distinct().Count(), "a picture is there twice");
        // A job whose acceptance was cut off by the kill may be there beside those that were promised.
        Require(files.Count >= jobs && files.Count <= jobs + kills, $"{files.Count} pictures of {jobs} jobs");
        CheckFiles();
    }

    private void CheckFiles()
    {
        foreach (var file in Files(trash: false).Concat(Files(trash: true))) Require(ImageFile.Load(file).Width == 64, $"{file} is not whole");
        using var database = Database.Open(Path.Combine(folder, ".easel", "easel.db"));
        Require(database.IsSound(), "the database is damaged");
    }

    private List<string> Files(bool trash) => [.. Directory.EnumerateFiles(trash ? Path.Combine(folder, ".easel", "trash") : folder, "*.png",
        SearchOption.AllDirectories).Where(path => path.Contains(Path.DirectorySeparatorChar + ".easel" + Path.DirectorySeparatorChar) == trash)];

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new InvalidOperationException(otherwise);
    }
}
