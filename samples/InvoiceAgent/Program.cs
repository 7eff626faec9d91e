// An agent over a folder of invoices: the model looks at each, extracts what it says and books the payment, by functions that the
// kernel invokes. Usage: InvoiceAgent <folder> [<model.gguf> <mmproj.gguf>]
// A large model is given one task and both functions and decides when to call which (Auto). The small model of models/ was trained on
// drawn scenes and never to call anything: it is taken through the same steps one by one, each with the function it must call (Required).
// What it calls with is its own reading of the picture, made valid by the grammar; whether it is right is another matter.
using System.ComponentModel;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm;

string folder = args.Length > 0 ? args[0] : throw new ArgumentException("Give the folder of the invoices.");
bool large = args.Length > 2;
Kernel kernel = Kernel.CreateBuilder().AddFasterVlmChatCompletion(configure: o => (o.ModelPath, o.ProjectorPath) = large ? (args[1], args[2]) : (null, null)).Build();
IChatCompletionService chat = kernel.GetRequiredService<IChatCompletionService>();
KernelPlugin office = kernel.ImportPluginFromType<Office>("office");
FunctionChoiceBehavior Must(string function) => FunctionChoiceBehavior.Required([office[function]], options: new() { AllowParallelCalls = false });
(string Task, FunctionChoiceBehavior? Functions)[] steps = large
    ? [("Look at the invoice, extract its payee and total, then book the payment.", FunctionChoiceBehavior.Auto())]
    : [("What does the text in the picture say?", null), ("Extract the payee and the total.", Must("extract")), ("Book the payment.", Must("book_payment"))];

foreach (string path in Directory.GetFiles(folder, "*.png").Order())
{
    Console.WriteLine($"{Path.GetFileName(path)}:");
    ChatHistory history = [];
    ImageContent image = new(await File.ReadAllBytesAsync(path), mimeType: null);
    foreach ((string task, FunctionChoiceBehavior? functions) in steps)
    {
        history.AddUserMessage(history.Count > 0 ? [new TextContent(task)] : [new TextContent(task), image]);
        ChatMessageContent answer = await chat.GetChatMessageContentAsync(history, new FasterVlmPromptExecutionSettings { FunctionChoiceBehavior = functions, MaxTokens = 64 }, kernel);
        history.Add(answer);
        Console.WriteLine($"  answered: {answer.Content}");
    }
}
await ((ServiceProvider)kernel.Services).DisposeAsync();

enum Payee { Cafe, Taxi, Zoo }
enum Category { Food, Travel, Leisure }
sealed class Office
{
    (Payee Payee, decimal Total)? _open;

    [KernelFunction("extract"), Description("Notes down what an invoice says.")]
    public string Extract(Payee payee, [Description("In euros")] decimal total)
    {
        Console.WriteLine(FormattableString.Invariant($"  extract({payee}, {total})"));
        _open = (payee, total);
        return "noted";
    }

    [KernelFunction("book_payment"), Description("Books the payment of the invoice that was extracted.")]
    public string Book(Category category)
    {
        if (_open is not { } open) return "Error: extract the invoice first.";
        Console.WriteLine(FormattableString.Invariant($"  book_payment({category}): {open.Total} to {open.Payee}"));
        _open = null; // an invoice is paid once
        return "booked";
    }
}
