"""The words of the seeded world: Brazilian names, departments, and what customers write. Data only."""

DEPARTMENTS = (
    "Suporte Técnico",
    "Vendas",
    "Financeiro",
    "Cobrança",
    "Pós-venda",
    "Retenção",
    "Agendamento",
    "Ouvidoria",
)
FIRST_NAMES = (
    *("Ana", "João", "Maria", "José", "Antônio", "Francisca", "Carlos", "Adriana", "Paulo", "Juliana"),
    *("Márcia", "Pedro", "Fernanda", "Lucas", "Patrícia", "Luís", "Aline", "Marcos", "Sônia", "Mateus"),
    *("Letícia", "Rafael", "Camila", "Bruno", "Beatriz", "Thiago", "Larissa", "Felipe", "Débora", "Vitória"),
    *("Conceição", "Sebastião", "Inês", "Caio", "Lívia", "Otávio", "Estêvão", "Zuleica", "Yasmin", "Ígor"),
)
LAST_NAMES = (
    *("Silva", "Santos", "Oliveira", "Souza", "Rodrigues", "Ferreira", "Alves", "Pereira", "Lima", "Gomes"),
    *("Costa", "Ribeiro", "Martins", "Carvalho", "Araújo", "Melo", "Barbosa", "Gonçalves", "Nóbrega"),
    *("Conceição", "Assunção", "Brandão", "D'Ávila", "Sant'Anna", "de Sá", "Müller", "Takahashi", "Zanella"),
)
COMMENTS = {
    1: (
        "Péssimo atendimento, esperei 40 minutos.",
        "Ninguém resolveu meu problema.",
        "Desligaram na minha cara!",
        "Não recomendo a ninguém.",
        "Já é a terceira ligação e nada de solução.",
        "Prometeram retorno e não houve.",
    ),
    2: (
        "Demorou muito e a explicação foi confusa.",
        "A atendente foi educada, mas não resolveu.",
        "Tive que repetir tudo três vezes.",
        "Ligação ruim, áudio cortando o tempo todo.",
        "Poderia ser bem melhor.",
    ),
    3: (
        "Razoável.",
        "Resolveu em parte, vou aguardar a confirmação.",
        "Atendimento ok, espera longa.",
        "Nem bom nem ruim.",
        "A solução veio, porém tarde.",
    ),
    4: (
        "Bom atendimento, só a fila que demora.",
        "Fui bem atendida, obrigada.",
        "Muito educado e objetivo.",
        "Resolveu minha dúvida sobre a fatura.",
        "Gostei, explicação clara.",
        "Tudo certo com a troca da peça.",
    ),
    5: (
        "Excelente! Resolveu na hora.",
        "Atendimento nota 10, parabéns à equipe.",
        "Muito atenciosa e paciente, adorei.",
        "Rápido, simpático e eficiente.",
        "Superou minha expectativa.",
        "Ótimo!",
        "Que atenção! Voltarei a comprar com certeza.",
        "Explicou tudo com calma à minha mãe, que é idosa.",
    ),
}
ENDINGS = (
    "Obrigado!",
    "Obrigada 🙏",
    "👍",
    "😀😀",
    "😡",
    "Valeu!",
    "Até a próxima.",
    "Att., um cliente de São José dos Campos.",
    "Abraços ❤️",
    "Favor retornar amanhã às 9h.",
)
ODD_COMMENTS = (  # what breaks dashboards, spreadsheets and parsers
    "<script>alert('nota')</script> gostei",
    "<b>Muito bom</b> & rápido",
    "<img src=x onerror=alert(1)>",
    "=1+1",
    '=HYPERLINK("http://example.com","clique")',
    "+55 11 98888-0000, me liguem",
    "@SUM(A1:A9)",
    "-2 pontos pela espera",
    "\tcomeça com tabulação",
    'Ele disse "já volto" e não voltou',
    "Primeira linha\nsegunda linha\r\nterceira, com vírgula; e ponto e vírgula",
    "Robert'); DROP TABLE evaluations; --",
    "Família toda atendida 👩‍👩‍👧‍👦 🇧🇷",
    "Atenc\u0327a\u0303o em letras decompostas",
    "شكرا جزيلا, muito obrigado",
    "100% satisfeito | 5/5 \\ recomendo",
    "null",
    "NaN",
    "áéíóú ÂÊÔ ãõ ç À " * 20,
)
