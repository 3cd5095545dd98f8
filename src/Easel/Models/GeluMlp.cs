namespace Easel.Models;

/// <summary>Two linear layers with GELU between them.</summary>
internal sealed class GeluMlp : Module<Tensor, Tensor>
{
    private readonly Linear fc1, fc2;

    public GeluMlp(long width, long inner) : base(nameof(GeluMlp))
    {
        fc1 = new Linear(width, inner);
        fc2 = new Linear(inner, width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return fc2.call(functional.gelu(fc1.call(x))).MoveToOuterDisposeScope();
    }
}
