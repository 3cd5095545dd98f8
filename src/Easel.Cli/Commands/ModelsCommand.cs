using Easel.Cli.Options;
using Easel.Cli.Runs;
using Easel.Cli.Terminal;
using Easel.Hub;

namespace Easel.Cli.Commands;

/// <summary><c>easel models</c>: what is on this machine, and looking after it.</summary>
internal static class ModelsCommand
{
    public static Command Create(Shell shell)
    {
        var json = Flags.Switch("print JSON", "--json");
        var list = new PlainCommand("models", "list the models on this machine",
            new HelpNotes("[flags]", ["easel models", "easel models rm NAME", "easel models import ~/Downloads/model.safetensors"]), [json],
            parsed => List(shell, parsed.GetValue(json)));

        var name = new Argument<string>("name");
        list.Add(new PlainCommand("rm", "delete a model's file", new HelpNotes("NAME", ["easel models rm dreamshaper_8"]), [name],
            parsed => Remove(parsed.GetRequiredValue(name), shell)));

        var source = new Argument<string>("path");
        var link = Flags.Switch("link to it in place of copying", "--link");
        list.Add(new PlainCommand("import", "put a model into your own folder",
            new HelpNotes("PATH [flags]", ["easel models import ~/Downloads/model.safetensors --link"]), [source, link],
            parsed => Import(parsed.GetRequiredValue(source), parsed.GetValue(link), shell)));
        return list;
    }

    private static void List(Shell shell, bool isJson)
    {
        var rows = ModelPlaces.Folders(shell).All().Select(model => (Found: model, Facts: FactsOf(model.Path))).ToList();
        if (isJson)
        {
            shell.Out.WriteLine(JsonLines.Document(rows.Select(row => new
            {
                row.Found.Name,
                row.Found.Path,
                row.Facts.Family,
                row.Facts.Precision,
                Bytes = row.Facts.Bytes,
                row.Facts.Problem,
            })));
            return;
        }
        foreach (var (found, facts) in rows)
        {
            // Sketch is built like models of a family that draw what it does not.
            var kind = found.Path == BuiltInModel.Path ? $"Easel's own small model, built as {facts.Family}" : facts.Family;
            shell.Out.WriteLine($"{found.Name}  {facts.Problem ?? $"{kind}, {facts.Precision}, {Readable.Size(facts.Bytes)}"}");
            shell.Out.WriteLine("    " + found.Path);
        }
    }

    private static (string? Family, string Precision, long Bytes, string? Problem) FactsOf(string path)
    {
        try
        {
            var file = ModelFile.Read(path);
            return (file.Model?.Family ?? file.Description, string.Join(", ", file.Formats), ModelPaths.BytesOf(path), file.Problem);
        }
        catch (EaselException e)
        {
            return (null, "", 0, e.Message);
        }
    }

    private static void Remove(string name, Shell shell)
    {
        var path = ModelPlaces.Folders(shell).Find(name);
        if (path == BuiltInModel.Path || BuiltInTool.All.Any(tool => tool.Path == path))
            throw new UsageException($"{name} comes with Easel and stays: {path}.");
        if (HubCache.NameOf(path) is { } cached)
        {
            // The cache holds the bytes beside the snapshot; the whole repository goes, as the hub's own tools do it.
            path = new HubCache(ModelPlaces.Hub(shell).CacheFolder).FolderOf(cached.Split(':')[0]);
        }
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        else File.Delete(path);
        shell.Out.WriteLine(path);
    }

    private static void Import(string source, bool links, Shell shell)
    {
        if (!File.Exists(source) && !Directory.Exists(source)) throw new UsageException($"There is no file or folder {source}.");
        if (ModelFile.Read(source).Problem is { } problem) throw new UsageException($"{source} is not taken: {problem}");
        var target = Path.Combine(UserFolders.Models, Path.GetFileName(Path.TrimEndingDirectorySeparator(source)));
        if (File.Exists(target) || Directory.Exists(target)) throw new UsageException($"{target} is there already.");
        Directory.CreateDirectory(UserFolders.Models);
        if (Directory.Exists(source) && !links) throw new UsageException($"{source} is a folder, which is not copied; --link links to it.");
        if (links && Directory.Exists(source)) Directory.CreateSymbolicLink(target, Path.GetFullPath(source));
        else if (links) File.CreateSymbolicLink(target, Path.GetFullPath(source));
        else
        {
            File.Copy(source, target + ".part", overwrite: true);
            File.Move(target + ".part", target);
        }
        shell.Out.WriteLine(target);
    }
}
