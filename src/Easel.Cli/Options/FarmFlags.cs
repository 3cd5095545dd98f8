using Easel.Farm;

namespace Easel.Cli.Options;

/// <summary>The flags that say where a farm is, the same for its server, its workers and those who look at it.</summary>
internal sealed class FarmFlags
{
    public Option<string?> Url { get; } = Flags.Text("URL", "the farm's NATS server, as nats://host:4222, or tls://; several of one cluster parted by commas "
        + "(default $EASEL_FARM)", "--farm");

    public Option<string?> Name { get; } = Flags.Text("NAME", "the name of the farm's queue, where the NATS server has several (default easel)", "--farm-name");

    public Option<string?> Credentials { get; } = Flags.Text("FILE", "who we are to the NATS server: a creds file, an NKey's seed, or a line user:password "
        + "(default $EASEL_FARM_CREDS)", "--farm-creds");

    public Option<string?> Authority { get; } = Flags.Text("FILE", "the certificate of the authority that signed the NATS server's", "--farm-ca");

    public IEnumerable<Option> All => [Url, Name, Credentials, Authority];

    /// <summary>The farm; null where none is named.</summary>
    public FarmOptions? Of(ParseResult parsed, Shell shell, bool readsVariable = true)
    {
        var url = parsed.GetValue(Url) ?? (readsVariable ? Variable("EASEL_FARM") : null);
        if (url is null)
        {
            foreach (var other in (Option[])[Name, Credentials, Authority])
                if (parsed.GetResult(other) is { Implicit: false }) throw new UsageException($"{other.Name} goes with --farm, which says where the farm is.");
            return null;
        }
        var options = new FarmOptions
        {
            Url = url,
            Name = parsed.GetValue(Name) ?? "easel",
            Credentials = parsed.GetValue(Credentials) ?? Variable("EASEL_FARM_CREDS"),
            Authority = parsed.GetValue(Authority),
        };
        try
        {
            options.Validate();
        }
        catch (FarmException e)
        {
            throw new UsageException(e.Message, e); // nothing was tried yet: it is what was asked for that is wrong
        }
        return options;

        string? Variable(string name) => shell.Variable(name) is { Length: > 0 } value ? value : null;
    }

    /// <summary>The farm, which must be named.</summary>
    public FarmOptions Required(ParseResult parsed, Shell shell) => Of(parsed, shell)
        ?? throw new UsageException("Which farm? --farm nats://host:4222, or the variable EASEL_FARM, says where its NATS server is.");
}
