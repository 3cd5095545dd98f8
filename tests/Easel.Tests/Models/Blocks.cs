using Easel.Models;
using Easel.Tests.Support;
using static TorchSharp.torch;

namespace Easel.Tests.Models;

/// <summary>What the original's blocks gave, by their names there, and which of them have been compared.</summary>
internal sealed class Blocks(Dictionary<string, Tensor> goldens, string prefix, Func<Tensor, double> tolerance)
{
    private readonly HashSet<string> _read = [];

    public Tensor Of(string key) => goldens[key];

    public bool Has(string block) => goldens.ContainsKey(prefix + block);

    public void Check(string block, Tensor actual)
    {
        Close.Absolute(goldens[prefix + block], actual, tolerance(goldens[prefix + block]), block);
        _read.Add(prefix + block);
    }

    /// <summary>Fails where an output is recorded that nobody looked at.</summary>
    public void AssertAllRead() => Assert.Empty(goldens.Keys
        .Where(key => key.StartsWith(prefix, StringComparison.Ordinal) && !key.EndsWith("_input", StringComparison.Ordinal)).Except(_read));
}

/// <summary>The parts of a network by name, to be called one by one. What is handed to a part is copied, since some parts write over it.</summary>
internal sealed class Parts(nn.Module network)
{
    private readonly Dictionary<string, nn.Module> _parts = network.named_modules().ToDictionary(part => part.name, part => part.module);

    public bool Has(string name) => _parts.ContainsKey(name);

    public Tensor Call(string name, Tensor x) => ((nn.Module<Tensor, Tensor>)_parts[name]).call(x.clone());

    public Tensor Resnet(string name, Tensor x, Tensor? time) => ((ResnetBlock)_parts[name]).call(x.clone(), time);

    /// <summary>A transformer, or one block of it.</summary>
    public Tensor Transformer(string name, Tensor x, Tensor context) =>
        ((nn.Module<Tensor, ContextKeys, Tensor>)_parts[name]).call(x.clone(), new ContextKeys(context));

    public Tensor Attention(string name, Tensor x, Tensor? context) =>
        ((Attention)_parts[name]).call(x.clone(), context is null ? null : new ContextKeys(context));

    public Tensor Enlarge(string name, Tensor x) => ((Upsample)_parts[name]).call(x.clone(), null);
}
